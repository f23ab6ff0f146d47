/**
 * An etcd of canned answers: for what real members do not do when they are asked to.
 *
 * @module
 */

import type { Fetcher } from "../../rpc/fetcher.ts";

/** A request as the fake saw it. */
export interface SeenRequest {
  /** Scheme, host and port of the member. */
  readonly endpoint: string;
  /** Path below it. */
  readonly path: string;
  /** Its JSON. */
  readonly body: unknown;
}

/** Answers a request; one that never answers waits for its end. */
export type Answer = (seen: SeenRequest, signal: AbortSignal) => Response | Promise<Response>;

/** Members that answer what a test says. */
export class FakeEtcd {
  /** All requests, in order. */
  readonly seen: SeenRequest[] = [];
  readonly #answer: Answer;

  /** Makes the fake. */
  constructor(answer: Answer) {
    this.#answer = answer;
  }

  /** Carries requests to the fake. */
  readonly fetcher: Fetcher = async (request) => {
    const { origin, pathname } = new URL(request.url);
    const seen = { endpoint: origin, path: pathname, body: await request.json() };
    this.seen.push(seen);
    return await this.#answer(seen, request.signal);
  };
}

/** A header, at a revision of a cluster. */
export function header(revision: number, clusterId = "1"): object {
  return { cluster_id: clusterId, member_id: "2", revision: `${revision}`, raft_term: "2" };
}

/** An answer that comes when the request is given up. */
export function never(signal: AbortSignal): Promise<Response> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** A body of these chunks. */
export function streamOf(chunks: readonly string[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  return ReadableStream.from(chunks.map((chunk) => encoder.encode(chunk)));
}
