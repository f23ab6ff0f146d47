/**
 * One watch of a store for many watchers of parts of its range.
 *
 * A node follows hundreds of logs. As many watches would be as many connections, and etcd's gateway
 * stops answering anybody beyond some 250 streams. So the whole range is watched once, and what comes
 * is handed to those whose part it is in.
 *
 * Invariants: a watcher gets every change of its part with a revision above its own, in order and by
 * whole revisions, or is told `not-found`: then it reads again and watches from there, as after a
 * compaction. What waits for a slow watcher is bounded, and so is what is kept for one that comes a
 * moment after the change.
 *
 * Fault model: when the store ends the one watch, all watchers are told what it said.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { SHARED_WATCH_BYTES_MAX } from "../limits.ts";
import type { Consensus, KeyRange, Revision, WatchEvent } from "./consensus.ts";
import { RangeIndex } from "./range_index.ts";

/** Who is handed a part of the changes. */
interface Watcher {
  readonly range: KeyRange;
  /** Changes up to here are known to it. */
  readonly after: Revision;
  readonly queue: BoundedEvents;
  wake: () => void;
  end: { readonly error?: unknown } | undefined;
}

/** The one watch while it runs. */
interface Upstream {
  readonly stop: AbortController;
  /** The latest changes, for watchers that come a moment later. */
  readonly recent: BoundedEvents;
  /** Changes after this revision are in {@link recent}. */
  floor: Revision;
}

/** Batches of events with the sum of their bytes. */
class BoundedEvents {
  readonly batches: (readonly WatchEvent[])[] = [];
  bytes = 0;

  add(batch: readonly WatchEvent[]): void {
    this.batches.push(batch);
    this.bytes += bytesOf(batch);
  }

  shift(): readonly WatchEvent[] | undefined {
    const batch = this.batches.shift();
    if (batch !== undefined) this.bytes -= bytesOf(batch);
    return batch;
  }

  /** The first batches as one, up to a size; undefined when there is none. */
  takeSome(): readonly WatchEvent[] | undefined {
    const first = this.shift();
    if (first === undefined || this.batches.length === 0) return first;
    const together = [...first];
    for (let bytes = bytesOf(first); bytes < TOGETHER_BYTES;) {
      const next = this.shift();
      if (next === undefined) break;
      bytes += bytesOf(next);
      together.push(...next);
    }
    return together;
  }
}

/** What is handed out at once is not much larger, unless it is one revision. */
const TOGETHER_BYTES = 256 * 1024;
/** What an event costs besides its value. */
const EVENT_BYTES = 200;

function bytesOf(batch: readonly WatchEvent[]): number {
  return batch.reduce((sum, { value }) => sum + EVENT_BYTES + (value?.length ?? 0), 0);
}

/** Watches a range once for all who watch parts of it. */
export class SharedWatch {
  readonly #consensus: Pick<Consensus, "watch">;
  readonly #range: KeyRange;
  readonly #watchers = new RangeIndex<Watcher>();
  #upstream: Upstream | undefined;

  /** Shares watches of `range`; the store is watched while anybody listens. */
  constructor(consensus: Pick<Consensus, "watch">, range: KeyRange) {
    this.#consensus = consensus;
    this.#range = range;
  }

  /**
   * Changes in a part of the range, as {@link Consensus.watch} gives them; what came since the
   * watcher asked last comes together.
   *
   * @throws `not-found` when changes were missed: read again, then watch
   */
  async *watch(
    range: KeyRange,
    options: { readonly after: Revision; readonly signal: AbortSignal },
  ): AsyncGenerator<readonly WatchEvent[]> {
    const { after, signal } = options;
    if (signal.aborted) return;
    const watcher = this.#add(range, after);
    const onAbort = () => end(watcher, {});
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        const batch = watcher.end === undefined ? watcher.queue.takeSome() : undefined;
        if (batch !== undefined) yield batch;
        else if (watcher.end === undefined) {
          await new Promise<void>((resolve) => watcher.wake = resolve);
        } else if (watcher.end.error !== undefined) throw watcher.end.error;
        else return;
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#remove(watcher);
    }
  }

  #add(range: KeyRange, after: Revision): Watcher {
    this.#upstream ??= this.#start(after);
    const { floor, recent } = this.#upstream;
    if (after < floor) throw missed(after, floor);
    const watcher: Watcher = {
      range,
      after,
      queue: new BoundedEvents(),
      wake: () => {},
      end: undefined,
    };
    for (const batch of recent.batches) hand(watcher, batch);
    this.#watchers.add(watcher);
    return watcher;
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    this.#upstream?.stop.abort();
    this.#upstream = undefined;
  }

  #start(after: Revision): Upstream {
    const upstream = { stop: new AbortController(), recent: new BoundedEvents(), floor: after };
    void this.#run(upstream, after);
    return upstream;
  }

  /** Hands changes out until the watch ends; never rejects. */
  async #run(upstream: Upstream, after: Revision): Promise<void> {
    const { stop: { signal }, recent } = upstream;
    let ended: { readonly error?: unknown } = {};
    try {
      for await (const batch of this.#consensus.watch(this.#range, { after, signal })) {
        if (signal.aborted) return;
        recent.add(batch);
        while (recent.bytes > SHARED_WATCH_BYTES_MAX) {
          upstream.floor = recent.shift()!.at(-1)!.revision;
        }
        const { first, last } = spanOf(batch);
        for (const watcher of this.#watchers.overlapping(first, last)) hand(watcher, batch);
      }
    } catch (error) {
      ended = { error };
    }
    if (this.#upstream !== upstream) return;
    this.#upstream = undefined;
    for (const watcher of this.#watchers.values()) end(watcher, ended);
    this.#watchers.clear();
  }
}

/** The least and the greatest key of a batch, which has some. */
function spanOf(batch: readonly WatchEvent[]): { readonly first: string; readonly last: string } {
  const [{ key }] = batch as [WatchEvent];
  let [first, last] = [key, key];
  for (const { key } of batch) {
    if (key < first) first = key;
    if (key > last) last = key;
  }
  return { first, last };
}

/** Gives a watcher what is its own of a batch. */
function hand(watcher: Watcher, batch: readonly WatchEvent[]): void {
  const { range, after, queue } = watcher;
  const own = batch.filter(({ key, revision }) =>
    revision > after && range.from <= key && key < range.to
  );
  if (own.length === 0) return;
  queue.add(own);
  if (queue.bytes > SHARED_WATCH_BYTES_MAX) {
    end(watcher, { error: missed(after, own.at(-1)!.revision) });
  }
  watcher.wake();
}

function end(watcher: Watcher, how: { readonly error?: unknown }): void {
  watcher.end ??= how;
  watcher.wake();
}

function missed(after: Revision, floor: Revision): GitStratumError {
  return new GitStratumError("not-found", "Watch from a revision that is still known", {
    data: { after, floor },
  });
}
