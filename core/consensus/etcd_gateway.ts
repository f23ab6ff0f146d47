/**
 * Calls to the members of one etcd cluster through their JSON gateways.
 *
 * Invariants:
 * - {@link EtcdGateway.ask} repeats a call at the next member when one fails: for reads, and for
 *   writes that may happen twice. {@link EtcdGateway.tell} never does: whoever gets `unavailable`
 *   from it does not know what happened.
 * - Answers of another cluster than the first one heard of are failures.
 *
 * Faults: members that are gone, stopped, cut off, slow or confused; answers that are lost, too long
 * or of another shape. All are `unavailable`, after a time that the clock bounds.
 *
 * @module
 */

import type { z } from "zod";
import { assert, AssertionError } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { GitStratumError, hasCode } from "../error.ts";
import { ERROR_BODY_BYTES_MAX, ETCD_ANSWER_BYTES_MAX } from "../limits.ts";
import { WAIT_IS_OVER } from "../wait_is_over.ts";
import { heldBody, readBodyBytes } from "../rpc/body.ts";
import type { Fetcher } from "../rpc/fetcher.ts";
import { type EtcdHeader, hasMember, headerSchema, refusalError, refusalIn } from "./etcd_wire.ts";

/** What a gateway needs. */
export interface EtcdGatewayOptions {
  /** Base URLs of the members' client ports, the preferred one first; no slash at the end. */
  readonly endpoints: readonly string[];
  /** Carries requests to them. */
  readonly fetcher: Fetcher;
  /** Counts timeouts. */
  readonly clock: Clock;
  /** Longest wait for one member's answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** One call. */
export interface EtcdCall<T extends z.ZodType> {
  /** JSON to send. */
  readonly body: object;
  /** What the answer must be. */
  readonly schema: T;
  /** Throws `unavailable` when an answer of the right shape is still a wrong one. */
  readonly verify?: (answer: z.output<T>) => void;
  /** Waits no longer than this for a member's answer; as long as for all calls unless told. */
  readonly timeoutMs?: number;
}

/** The members of a cluster. */
export class EtcdGateway {
  readonly #endpoints: readonly string[];
  readonly #fetcher: Fetcher;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #closing = new AbortController();
  /** What ends the calls that run: cheaper for each of them than a signal made of two. */
  readonly #running = new Set<AbortController>();
  /** When calls that were answered had been sent, by endpoint: the last of them. */
  readonly #servedAtMs = new Map<string, number>();
  #preferred = 0;
  #clusterId: string | undefined;

  /** Makes a gateway; nothing is sent yet. */
  constructor(options: EtcdGatewayOptions) {
    assert(options.endpoints.length > 0, "A cluster has a member");
    this.#endpoints = options.endpoints;
    this.#fetcher = options.fetcher;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Aborted when the gateway closes. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** The member that is asked first. */
  get preferred(): string {
    return this.#endpoints[this.#preferred]!;
  }

  /**
   * When a member is known to have served last, by the monotonic clock: all calls are answered by members
   * only that have a leader.
   */
  servedAtMs(endpoint: string): number {
    return this.#servedAtMs.get(endpoint) ?? -Infinity;
  }

  /** Prefers the next member, if `endpoint` is the one preferred now. */
  avoid(endpoint: string): void {
    if (endpoint === this.preferred) {
      this.#preferred = (this.#preferred + 1) % this.#endpoints.length;
    }
  }

  /** Aborts all calls; later ones are refused. */
  close(): void {
    this.#closing.abort();
    for (const running of this.#running) running.abort(this.closed.reason);
  }

  /**
   * Makes a call that may be repeated: at each member once, until one answers.
   *
   * @throws `unavailable` when none did; what etcd refused otherwise
   */
  async ask<T extends z.ZodType>(path: string, call: EtcdCall<T>): Promise<z.output<T>> {
    for (let left = this.#endpoints.length - 1;; left--) {
      try {
        return await this.tell(path, call);
      } catch (error) {
        if (!hasCode(error, "unavailable") || left === 0 || this.closed.aborted) throw error;
      }
    }
  }

  /**
   * Makes a call once, at the preferred member.
   *
   * @throws `unavailable` when the outcome is unknown; what etcd refused otherwise
   */
  async tell<T extends z.ZodType>(path: string, call: EtcdCall<T>): Promise<z.output<T>> {
    const endpoint = this.preferred;
    try {
      return await this.askAt(endpoint, path, call);
    } catch (error) {
      if (hasCode(error, "unavailable")) this.avoid(endpoint);
      throw error;
    }
  }

  /** Makes a call once, at a given member. */
  async askAt<T extends z.ZodType>(
    endpoint: string,
    path: string,
    call: EtcdCall<T>,
  ): Promise<z.output<T>> {
    const timeoutMs = Math.min(call.timeoutMs ?? this.#timeoutMs, this.#timeoutMs);
    const sentMs = this.#clock.monotonicMs();
    const answer = await this.#within({ endpoint, timeoutMs }, async (signal) => {
      const response = await this.#post(endpoint + path, call.body, signal);
      const bytes = await readBodyBytes(response, { bytesMax: ETCD_ANSWER_BYTES_MAX });
      return this.#decode(bytes, call);
    });
    this.#servedAtMs.set(endpoint, sentMs);
    return answer;
  }

  /**
   * Opens a stream at a given member. The wait for its head is bounded, the stream itself is not.
   *
   * @throws `unavailable` when it can not be opened
   */
  async openAt(
    endpoint: string,
    path: string,
    options: { readonly body: object; readonly signal: AbortSignal },
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const within = { endpoint, timeoutMs: this.#timeoutMs };
    const response = await this.#within(within, (signal) => {
      // The timeout aborts only what waits for the head; afterwards the stream is the caller's.
      const signals = AbortSignal.any([options.signal, this.closed, signal]);
      return this.#post(endpoint + path, options.body, signals);
    });
    return heldBody(response);
  }

  /**
   * Checks that an answer comes from the cluster that was heard of first.
   *
   * @throws `unavailable` when it does not
   */
  checkHeader(header: Pick<EtcdHeader, "cluster_id">): void {
    this.#clusterId ??= header.cluster_id;
    if (header.cluster_id === this.#clusterId) return;
    throw new GitStratumError("unavailable", "Hear from a member of another etcd cluster", {
      data: { wanted: this.#clusterId, found: header.cluster_id },
    });
  }

  async #post(url: string, body: object, signal: AbortSignal): Promise<Response> {
    const request = new Request(url, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
      signal,
    });
    const response = await this.#fetcher(request);
    if (response.ok) return response;
    throw await readRefusal(response);
  }

  #decode<T extends z.ZodType>(bytes: Uint8Array, call: EtcdCall<T>): z.output<T> {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const json: unknown = JSON.parse(text);
    const refusal = refusalIn(json);
    if (refusal !== undefined) throw refusalError(refusal);
    if (hasMember(json, "header")) {
      const headed = headerSchema.safeParse(json.header);
      if (headed.success) this.checkHeader(headed.data);
    }
    const answer = call.schema.parse(json);
    call.verify?.(answer);
    return answer;
  }

  /** Runs a call for as long as it may take, and makes every failure one of ours. */
  async #within<T>(
    { endpoint, timeoutMs }: { readonly endpoint: string; readonly timeoutMs: number },
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    this.#checkOpen();
    const timeout = new AbortController();
    this.#running.add(timeout);
    const answered = new AbortController();
    const late = this.#clock.sleep(timeoutMs, answered.signal).then(
      () => {
        const error = new GitStratumError("unavailable", "Wait too long for etcd", {
          data: { endpoint, timeoutMs },
        });
        timeout.abort(error);
        throw error;
      },
      () => new Promise<never>(() => {}), // Answered in time: the timer must not win.
    );
    try {
      return await Promise.race([run(timeout.signal), late]);
    } catch (cause) {
      throw this.#failure(endpoint, cause);
    } finally {
      this.#running.delete(timeout);
      answered.abort(WAIT_IS_OVER);
    }
  }

  #failure(endpoint: string, cause: unknown): GitStratumError {
    // An answer that breaks off or is too long is as good as none, but a longer one can be avoided.
    if (cause instanceof AssertionError) throw cause;
    if (cause instanceof GitStratumError && cause.code !== "aborted") return cause;
    return new GitStratumError("unavailable", "Get no answer from etcd", {
      data: { endpoint, reason: describe(cause) },
      cause,
    });
  }

  #checkOpen(): void {
    if (!this.closed.aborted) return;
    throw new GitStratumError("unavailable", "Use the consensus store only while it is open");
  }
}

/** The error behind an answer that is no success; a body that is not etcd's makes it `unavailable`. */
async function readRefusal(response: Response): Promise<GitStratumError> {
  const bytes = await readBodyBytes(response, { bytesMax: ERROR_BODY_BYTES_MAX });
  const text = new TextDecoder().decode(bytes);
  const refusal = refusalIn(parseLeniently(text));
  if (refusal !== undefined) return refusalError(refusal);
  return new GitStratumError("unavailable", "Receive an answer that is not etcd's", {
    data: { status: response.status, text: text.slice(0, 200) },
  });
}

function parseLeniently(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not etcd's; the caller says so with the status.
    return undefined;
  }
}

function describe(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 300);
}
