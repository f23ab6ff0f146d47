/**
 * Wakes watchers of a local consensus store.
 *
 * Events are never queued here: a watcher that wakes reads what happened from the store's history, at
 * its own pace. A slow watcher therefore costs no memory; one that is slower than the history is
 * long is told so.
 *
 * @module
 */

import type { KeyRange, Revision } from "./consensus.ts";

/** One watcher's bell. */
export class WatchBell {
  readonly range: KeyRange;
  #firstRevision: Revision | undefined;
  #ring: (() => void) | undefined;
  #closed = false;

  /** Makes a bell for changes of a range. */
  constructor(range: KeyRange) {
    this.range = range;
  }

  /** Whether waiting is over for good. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Forgets what rang before: the watcher has seen everything up to now. */
  reset(): void {
    this.#firstRevision = undefined;
  }

  /** The first revision that rang since the last reset; undefined when the bell was closed. */
  async rung(): Promise<Revision | undefined> {
    if (this.#firstRevision === undefined && !this.#closed) {
      await new Promise<void>((resolve) => this.#ring = resolve);
    }
    return this.#closed ? undefined : this.#firstRevision;
  }

  /** Tells of a change at a revision. */
  ring(revision: Revision): void {
    this.#firstRevision ??= revision;
    this.#ring?.();
  }

  /** Ends all waiting. */
  close(): void {
    this.#closed = true;
    this.#ring?.();
  }
}

/** All watchers of one store. */
export class WatchHub {
  readonly #bells = new Set<WatchBell>();

  /** Adds a watcher. */
  add(range: KeyRange): WatchBell {
    const bell = new WatchBell(range);
    this.#bells.add(bell);
    return bell;
  }

  /** Removes a watcher. */
  remove(bell: WatchBell): void {
    this.#bells.delete(bell);
  }

  /** Rings every bell whose range holds a changed key. */
  notify(key: string, revision: Revision): void {
    for (const bell of this.#bells) {
      if (bell.range.from <= key && key < bell.range.to) bell.ring(revision);
    }
  }

  /** Ends all watches. */
  close(): void {
    for (const bell of this.#bells) bell.close();
    this.#bells.clear();
  }
}
