/**
 * How often requests came lately: what comes again is worth storing.
 *
 * @module
 */

import type { PackKey } from "./pack_key.ts";

/** Counts a bounded number of keys; those that were seen longest ago are forgotten. */
export class RequestCounter {
  readonly #keyCountMax: number;
  /** In order of use, oldest first. */
  readonly #counts = new Map<PackKey, number>();

  /** Makes a counter that knows at most `keyCountMax` keys. */
  constructor(keyCountMax: number) {
    this.#keyCountMax = keyCountMax;
  }

  /** Counts one request; how many there were with it. */
  count(key: PackKey): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.delete(key);
    this.#counts.set(key, count);
    if (this.#counts.size > this.#keyCountMax) {
      for (const oldest of this.#counts.keys()) {
        this.#counts.delete(oldest);
        break;
      }
    }
    return count;
  }
}
