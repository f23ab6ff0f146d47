/**
 * The leases of a local consensus store and the moment each one ends.
 *
 * Deadlines are counted on the monotonic clock only. A lease that ended never lives again; its keys go
 * by an ordinary transaction a moment later, and that is tried until it worked.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { assert } from "../assert.ts";

interface Lease {
  readonly ttlMs: number;
  deadlineMs: number;
  ended: boolean;
}

/** How long to wait before an ended lease's keys are tried again. */
const RETRY_MS = 1000;

/** The living leases. */
export class LeaseTable {
  readonly #clock: Clock;
  readonly #expire: (id: string) => Promise<void>;
  readonly #leases = new Map<string, Lease>();
  #alarm: { readonly atMs: number; readonly controller: AbortController } | undefined;

  /**
   * Makes an empty table. `expire` removes an ended lease and its keys from the store, then calls
   * {@link LeaseTable.remove}.
   */
  constructor(clock: Clock, expire: (id: string) => Promise<void>) {
    this.#clock = clock;
    this.#expire = expire;
  }

  /** Adds a lease that has its whole time before it. */
  add(id: string, ttlMs: number): void {
    assert(!this.#leases.has(id), "A lease id is new");
    this.#leases.set(id, { ttlMs, deadlineMs: this.#clock.monotonicMs() + ttlMs, ended: false });
    this.#setAlarm();
  }

  /** Whether a lease lives. */
  has(id: string): boolean {
    const lease = this.#leases.get(id);
    return lease !== undefined && !lease.ended && this.#clock.monotonicMs() < lease.deadlineMs;
  }

  /** Gives a living lease its whole time again; tells whether it lived. */
  renew(id: string): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined || !this.has(id)) return false;
    lease.deadlineMs = this.#clock.monotonicMs() + lease.ttlMs;
    return true;
  }

  /** Removes a lease that is gone from the store. */
  remove(id: string): void {
    this.#leases.delete(id);
  }

  /** Stops counting. */
  close(): void {
    this.#alarm?.controller.abort();
    this.#leases.clear();
  }

  /** Makes sure that the table wakes up at the first deadline. */
  #setAlarm(): void {
    let atMs = Infinity;
    for (const lease of this.#leases.values()) atMs = Math.min(atMs, lease.deadlineMs);
    if (atMs === Infinity || (this.#alarm !== undefined && this.#alarm.atMs <= atMs)) return;
    this.#alarm?.controller.abort();
    const alarm = { atMs, controller: new AbortController() };
    this.#alarm = alarm;
    this.#clock.sleep(atMs - this.#clock.monotonicMs(), alarm.controller.signal).then(
      () => this.#onAlarm(),
      () => {}, // Aborted: a later alarm replaced this one, or the table was closed.
    );
  }

  #onAlarm(): void {
    this.#alarm = undefined;
    const nowMs = this.#clock.monotonicMs();
    for (const [id, lease] of this.#leases) {
      if (lease.deadlineMs > nowMs) continue;
      lease.ended = true;
      // The store may be full or closing: the keys stay until the next try, the lease stays ended.
      lease.deadlineMs = nowMs + RETRY_MS;
      this.#expire(id).catch(() => {});
    }
    this.#setAlarm();
  }
}
