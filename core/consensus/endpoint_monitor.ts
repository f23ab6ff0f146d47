/**
 * Finds out that a member has stopped although its connections stay open: a stopped process, a cut
 * network, a member without a leader. Streams that depend on the member share its checks, and a member
 * that answered something else meanwhile is not asked.
 *
 * @module
 */

import type { Clock } from "../clock.ts";

/** Told once that the member does not answer. */
export type OnSilent = (error: unknown) => void;

interface Watched {
  readonly listeners: Set<OnSilent>;
  readonly stop: AbortController;
}

/** Checks members for as long as somebody depends on them. */
export class EndpointMonitor {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #check: (endpoint: string) => Promise<unknown>;
  readonly #servedAtMs: (endpoint: string) => number;
  readonly #watched = new Map<string, Watched>();

  /** Makes a monitor whose `check` rejects when a member does not serve. */
  constructor(
    check: (endpoint: string) => Promise<unknown>,
    options: {
      readonly clock: Clock;
      readonly intervalMs: number;
      /** When a member served last, as far as is known, by the monotonic clock. */
      readonly servedAtMs?: (endpoint: string) => number;
    },
  ) {
    this.#check = check;
    this.#servedAtMs = options.servedAtMs ?? (() => -Infinity);
    this.#clock = options.clock;
    this.#intervalMs = options.intervalMs;
  }

  /** Checks a member from now on; the returned function ends that. */
  depend(endpoint: string, onSilent: OnSilent): () => void {
    const watched = this.#watched.get(endpoint) ?? this.#begin(endpoint);
    watched.listeners.add(onSilent);
    return () => {
      watched.listeners.delete(onSilent);
      if (watched.listeners.size === 0) this.#end(endpoint, watched);
    };
  }

  #begin(endpoint: string): Watched {
    const watched = { listeners: new Set<OnSilent>(), stop: new AbortController() };
    this.#watched.set(endpoint, watched);
    this.#run(endpoint, watched).catch((error) => {
      if (watched.stop.signal.aborted) return;
      const listeners = [...watched.listeners];
      this.#end(endpoint, watched);
      for (const onSilent of listeners) onSilent(error);
    });
    return watched;
  }

  #end(endpoint: string, watched: Watched): void {
    watched.stop.abort();
    if (this.#watched.get(endpoint) === watched) this.#watched.delete(endpoint);
  }

  /** Runs until a check fails or nobody depends on the member any more. */
  async #run(endpoint: string, { stop }: Watched): Promise<never> {
    for (let restMs = this.#intervalMs;;) {
      await this.#clock.sleep(restMs, stop.signal);
      restMs = this.#servedAtMs(endpoint) + this.#intervalMs - this.#clock.monotonicMs();
      if (restMs > 0) continue;
      await this.#check(endpoint);
      restMs = this.#intervalMs;
    }
  }
}
