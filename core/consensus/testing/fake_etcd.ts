/**
 * An etcd of canned answers: for what real members do not do when they are asked to.
 *
 * @module
 */

import type { Fetcher } from "../../rpc/fetcher.ts";
import {
  ALARM,
  COMPACT,
  type EtcdMethod,
  GRANT_LEASE,
  KEEP_LEASE,
  RANGE,
  REVOKE_LEASE,
  TRANSACT,
  WATCH,
} from "../etcd_wire.ts";
import { frameMessage } from "../grpc_frame.ts";
import type { Given, Shape } from "../protobuf.ts";

/** A request as the fake saw it. */
export interface SeenRequest {
  /** Scheme, host and port of the member. */
  readonly endpoint: string;
  /** Path below it. */
  readonly path: string;
  /** What it says. */
  readonly body: unknown;
}

/** Answers a request; one that never answers waits for its end. */
export type Answer = (seen: SeenRequest, signal: AbortSignal) => Response | Promise<Response>;

const METHODS: readonly EtcdMethod<Shape, Shape>[] = [
  ALARM,
  COMPACT,
  GRANT_LEASE,
  KEEP_LEASE,
  RANGE,
  REVOKE_LEASE,
  TRANSACT,
  WATCH,
];
/** What is before a message. */
const FRAME_BYTES = 5;

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
    const method = METHODS.find(({ path }) => path === pathname);
    if (method === undefined) throw new Error(`There is no ${pathname}`);
    const body = method.request.decode((await request.bytes()).subarray(FRAME_BYTES));
    const seen = { endpoint: origin, path: pathname, body };
    this.seen.push(seen);
    return await this.#answer(seen, request.signal);
  };
}

/** A header, at a revision of a cluster. */
export function header(revision: number, clusterId = "1") {
  return { cluster_id: clusterId, revision };
}

/** An answer of one message. */
export function answerOf<A extends Shape>(method: EtcdMethod<Shape, A>, given: Given<A>): Response {
  return grpcResponse(frameMessage(method.answer.encode(given)));
}

/** An answer in gRPC of any body. */
export function grpcResponse(body: BodyInit): Response {
  return new Response(body, { headers: { "content-type": "application/grpc" } });
}

/** A refusal. */
export function refusal(code: number, error: string): Response {
  return new Response(null, {
    headers: {
      "content-type": "application/grpc",
      "grpc-status": `${code}`,
      "grpc-message": error,
    },
  });
}

/** An answer that comes when the request is given up. */
export function never(signal: AbortSignal): Promise<Response> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** A body of these chunks. */
export function streamOf(
  chunks: readonly Uint8Array<ArrayBuffer>[],
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return ReadableStream.from(chunks);
}
