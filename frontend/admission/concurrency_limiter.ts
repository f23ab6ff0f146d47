/**
 * How much one subject has running at a time: what is beyond it waits in line, and what is beyond the
 * line is refused.
 *
 * Invariants: subjects are taken in one order by everybody, so no two requests wait for each other; a
 * line is first in, first out; a request that waited in vain holds nothing.
 *
 * @module
 */

import {
  type Clock,
  CONCURRENCY_WAIT_MS_MAX,
  MEMORY_WANT_MS,
  WAIT_IS_OVER,
} from "@gitstratum/core";
import type { Metrics } from "@gitstratum/core/metrics";
import {
  type ConcurrencyRule,
  type ConcurrencyRules,
  type RateKey,
  rateKey,
  type RateSubject,
} from "@gitstratum/core/rates";
import { tooManyRequests } from "./too_many_requests.ts";

/** The world of a limiter. */
export interface ConcurrencyLimiterOptions {
  /** The limits. */
  readonly rules: ConcurrencyRules;
  /** Bounds waiting. */
  readonly clock: Clock;
  /** Counts what waits and what is refused. */
  readonly metrics: Metrics;
}

interface Line {
  running: number;
  /** Whoever waits, and since when. */
  readonly waiting: Map<() => void, number>;
}

/** Lets requests run. */
export class ConcurrencyLimiter {
  readonly #options: ConcurrencyLimiterOptions;
  readonly #lines = new Map<RateKey, Line>();
  readonly #refused: ReturnType<Metrics["counter"]>;
  #waitingCount = 0;

  /** Makes a limiter with nothing running. */
  constructor(options: ConcurrencyLimiterOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#refused = metrics.counter("gitstratum_concurrency_refusals_total", {
      help:
        "Requests that were refused because too many ran and waited already, by kind of subject.",
      labels: ["kind"],
    });
    metrics.gauge("gitstratum_concurrency_waiting", {
      help: "Requests that wait for others of the same subject to end.",
      read: () => this.#waitingCount,
    });
  }

  /** Whether somebody has waited for so long that those who stall should let go. */
  get isWanted(): boolean {
    if (this.#waitingCount === 0) return false;
    const nowMs = this.#options.clock.monotonicMs();
    return [...this.#lines.values()].some(({ waiting }) => {
      const [sinceMs] = waiting.values();
      return sinceMs !== undefined && nowMs - sinceMs >= MEMORY_WANT_MS;
    });
  }

  /**
   * Resolves with a release when the request may run.
   *
   * @throws `exhausted` with `retryAfterS` when too many wait, or this one did for too long
   * @throws the signal's reason
   */
  async acquire(subjects: readonly RateSubject[], signal: AbortSignal): Promise<() => void> {
    const held: RateKey[] = [];
    const release = () => {
      for (const key of held.splice(0)) this.#leave(key);
    };
    try {
      for (const subject of subjects) {
        const rule = this.#options.rules[subject.kind];
        if (rule === undefined) continue;
        await this.#enter(subject, rule, signal);
        held.push(rateKey(subject));
      }
      return release;
    } catch (error) {
      release();
      throw error;
    }
  }

  async #enter(subject: RateSubject, rule: ConcurrencyRule, signal: AbortSignal): Promise<void> {
    const key = rateKey(subject);
    const line = this.#lines.get(key) ?? { running: 0, waiting: new Map() };
    if (line.running < rule.running) {
      line.running++;
      this.#lines.set(key, line);
      return;
    }
    if (line.waiting.size >= rule.waiting) throw this.#refusal(subject);
    await this.#wait(line, subject, signal);
  }

  /** Waits until whoever leaves hands its place over. */
  async #wait(line: Line, subject: RateSubject, signal: AbortSignal): Promise<void> {
    const turn = Promise.withResolvers<"turn">();
    const gone = Promise.withResolvers<never>();
    const ended = new AbortController();
    const onAbort = () => gone.reject(signal.reason);
    const admit = () => turn.resolve("turn");
    const late = this.#options.clock.sleep(CONCURRENCY_WAIT_MS_MAX, ended.signal).then(
      () => "late" as const,
      () => "late" as const,
    );
    signal.addEventListener("abort", onAbort, { once: true });
    line.waiting.set(admit, this.#options.clock.monotonicMs());
    this.#waitingCount++;
    try {
      signal.throwIfAborted();
      if (await Promise.race([turn.promise, gone.promise, late]) === "turn") return;
      throw this.#refusal(subject);
    } catch (error) {
      // The place may have been handed over in the same moment.
      if (!line.waiting.has(admit)) this.#leave(rateKey(subject));
      throw error;
    } finally {
      line.waiting.delete(admit);
      this.#waitingCount--;
      ended.abort(WAIT_IS_OVER);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #leave(key: RateKey): void {
    const line = this.#lines.get(key)!;
    const [next] = line.waiting.keys();
    if (next !== undefined) {
      line.waiting.delete(next);
      return next();
    }
    line.running--;
    if (line.running === 0) this.#lines.delete(key);
  }

  #refusal({ kind }: RateSubject): Error {
    this.#refused.increment({ kind });
    return tooManyRequests({ kind, retryAfterMs: CONCURRENCY_WAIT_MS_MAX / 4 });
  }
}
