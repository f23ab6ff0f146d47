/**
 * Calls to the members of one etcd cluster, by gRPC.
 *
 * Invariants:
 * - {@link EtcdMembers.ask} repeats a call at the next member when one fails: for reads, and for
 *   writes that may happen twice. {@link EtcdMembers.tell} never does: whoever gets `unavailable`
 *   from it does not know what happened.
 * - Answers of another cluster than the first one heard of are failures.
 *
 * Faults: members that are gone, stopped, cut off, slow or confused; answers that are lost, too long
 * or of another shape. All are `unavailable`, after a time that the clock bounds.
 *
 * @module
 */

import { assert, AssertionError } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { GitStratumError, hasCode } from "../error.ts";
import { ETCD_ANSWER_BYTES_MAX } from "../limits.ts";
import { WAIT_IS_OVER } from "../wait_is_over.ts";
import { heldBody } from "../rpc/body.ts";
import type { Fetcher } from "../rpc/fetcher.ts";
import { type EtcdHeader, type EtcdMethod, refusalError } from "./etcd_wire.ts";
import {
  frameMessage,
  GRPC_HEADERS,
  type GrpcRefusal,
  readMessage,
  refusalOf,
} from "./grpc_frame.ts";
import type { Given, Message, Shape } from "./protobuf.ts";

/** What calls need. */
export interface EtcdMembersOptions {
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
export interface EtcdCall<Q extends Shape, A extends Shape> {
  /** What to send. */
  readonly request: Given<Q>;
  /** Throws `unavailable` when an answer of the right shape is still a wrong one. */
  readonly verify?: (answer: Headed<A>) => void;
  /** Waits no longer than this for a member's answer; as long as for all calls unless told. */
  readonly timeoutMs?: number;
}

/** An answer, in which the header was found that it must have. */
export type Headed<A extends Shape> = A extends { readonly header: unknown }
  ? Message<A> & { readonly header: EtcdHeader }
  : Message<A>;

/** The members of a cluster. */
export class EtcdMembers {
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

  /** Prepares calls; nothing is sent yet. */
  constructor(options: EtcdMembersOptions) {
    assert(options.endpoints.length > 0, "A cluster has a member");
    this.#endpoints = options.endpoints;
    this.#fetcher = options.fetcher;
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Aborted by {@link EtcdMembers.close}. */
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
  async ask<Q extends Shape, A extends Shape>(
    method: EtcdMethod<Q, A>,
    call: EtcdCall<Q, A>,
  ): Promise<Headed<A>> {
    for (let left = this.#endpoints.length - 1;; left--) {
      try {
        return await this.tell(method, call);
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
  async tell<Q extends Shape, A extends Shape>(
    method: EtcdMethod<Q, A>,
    call: EtcdCall<Q, A>,
  ): Promise<Headed<A>> {
    const endpoint = this.preferred;
    try {
      return await this.askAt(endpoint, method, call);
    } catch (error) {
      if (hasCode(error, "unavailable")) this.avoid(endpoint);
      throw error;
    }
  }

  /** Makes a call once, at a given member. */
  async askAt<Q extends Shape, A extends Shape>(
    endpoint: string,
    method: EtcdMethod<Q, A>,
    call: EtcdCall<Q, A>,
  ): Promise<Headed<A>> {
    const timeoutMs = Math.min(call.timeoutMs ?? this.#timeoutMs, this.#timeoutMs);
    const sentMs = this.#clock.monotonicMs();
    const answer = await this.#within({ endpoint, timeoutMs }, async (signal) => {
      const message = method.request.encode(call.request);
      const response = await this.#post(endpoint + method.path, message, signal);
      const bytes = await readMessage(response, { bytesMax: ETCD_ANSWER_BYTES_MAX });
      const decoded = this.#decode(bytes, method);
      call.verify?.(decoded);
      return decoded;
    });
    this.#servedAtMs.set(endpoint, sentMs);
    return answer;
  }

  /**
   * Opens a stream at a given member. The wait for its head is bounded, the stream itself is not.
   *
   * @throws `unavailable` when it can not be opened
   */
  async openAt<Q extends Shape, A extends Shape>(
    endpoint: string,
    method: EtcdMethod<Q, A>,
    options: { readonly request: Given<Q>; readonly signal: AbortSignal },
  ): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
    const within = { endpoint, timeoutMs: this.#timeoutMs };
    const response = await this.#within(within, (signal) => {
      // The timeout aborts only what waits for the head; afterwards the stream is the caller's.
      const signals = AbortSignal.any([options.signal, this.closed, signal]);
      return this.#post(endpoint + method.path, method.request.encode(options.request), signals);
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

  async #post(url: string, message: Uint8Array, signal: AbortSignal): Promise<Response> {
    const request = new Request(url, {
      method: "POST",
      body: frameMessage(message),
      headers: GRPC_HEADERS,
      signal,
    });
    const response = await this.#fetcher(request);
    let refusal: GrpcRefusal | undefined;
    try {
      refusal = refusalOf(response);
    } catch (error) {
      await response.body?.cancel();
      throw error;
    }
    if (refusal === undefined) return response;
    await response.body?.cancel();
    throw refusalError(refusal);
  }

  /** An answer without the header that it must have is somebody else's, or damaged. */
  #decode<Q extends Shape, A extends Shape>(
    bytes: Uint8Array,
    method: EtcdMethod<Q, A>,
  ): Headed<A> {
    const answer: { readonly header?: EtcdHeader | undefined } = method.answer.decode(bytes);
    const { header } = answer;
    // No cluster has the number that a missing one is read as.
    if (header !== undefined && header.cluster_id !== "0") this.checkHeader(header);
    else if ("header" in method.answer.shape) {
      throw new GitStratumError("corrupt", "Receive an answer with a header");
    }
    return answer as Headed<A>;
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
    // An answer that breaks off or is damaged is as good as none, but a longer one can be avoided.
    if (cause instanceof AssertionError) throw cause;
    if (cause instanceof GitStratumError && !BROKEN_CODES.has(cause.code)) return cause;
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

/** How answers fail to be any. */
const BROKEN_CODES: ReadonlySet<string> = new Set(["aborted", "corrupt"]);

function describe(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).slice(0, 300);
}
