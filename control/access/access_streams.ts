/**
 * The access records as streams of JSON lines for frontends: `core/rpc/access/access_line.ts`.
 *
 * A stream holds no queue: when its reader asks for more it gets the next steps from what it was told
 * last, several in one line, or a copy of everything when those steps are no longer known. A copy is
 * sent in lines as its reader takes them. A sign of life says more than that: nothing was new in the
 * store itself when it was made.
 *
 * @module
 */

import {
  ACCESS_LINE_RECORD_COUNT_MAX,
  ACCESS_WATCH_BEAT_MS,
  ACCESS_WATCH_COUNT_MAX,
  type Clock,
  GitStratumError,
} from "@gitstratum/core";
import type { AccessRecord } from "@gitstratum/core/access";
import { encodeJsonLine } from "@gitstratum/core/rpc";
import { type AccessLine, keyedRecord } from "@gitstratum/core/rpc/access";
import type { AccessFeed } from "./access_feed.ts";

/** Serves streams of one feed. */
export class AccessStreams {
  readonly #feed: AccessFeed;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #count = 0;

  /** Makes streams of what `feed` knows. */
  constructor(feed: AccessFeed, clock: Clock) {
    this.#feed = feed;
    this.#clock = clock;
  }

  /** Streams that are open. */
  get count(): number {
    return this.#count;
  }

  /**
   * A stream for somebody who knows a revision.
   *
   * @throws `exhausted` when there are too many, `unavailable` when they were ended
   */
  open(knownRevision: number): ReadableStream<Uint8Array> {
    if (this.#stop.signal.aborted) {
      throw new GitStratumError("unavailable", "Ask another control node, this one stops");
    }
    if (this.#count >= ACCESS_WATCH_COUNT_MAX) {
      throw new GitStratumError("exhausted", "Refuse one more stream of access records", {
        data: { countMax: ACCESS_WATCH_COUNT_MAX },
      });
    }
    this.#count++;
    const left = new AbortController();
    const end = () => {
      if (left.signal.aborted) return;
      left.abort();
      this.#count--;
    };
    const signal = AbortSignal.any([this.#stop.signal, left.signal]);
    const lines = this.#lines(knownRevision, signal);
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const { done, value } = await lines.next();
          if (!done) return controller.enqueue(value);
          end();
          controller.close();
        } catch (error) {
          end();
          throw error;
        }
      },
      cancel: end,
    }, { highWaterMark: 0 });
  }

  /** Ends all streams, so that their readers go to another control node. */
  close(): void {
    this.#stop.abort();
  }

  async *#lines(knownRevision: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { view } = this.#feed;
    let told = knownRevision;
    // A reader that knows more than this node does not go back: this node may be the one behind.
    await this.#feed.confirm();
    if (told === view.revision) yield alive(told);
    while (!signal.aborted) {
      if (told === view.revision && !await this.#changed(told, signal)) {
        // A node that is cut off from the store must not say that nothing is new.
        if (!signal.aborted) await this.#feed.confirm();
        if (!signal.aborted && told === view.revision) yield alive(told);
        continue;
      }
      const changes = this.#changesAfter(told);
      if (changes === undefined) {
        told = view.revision;
        yield* this.#copy(told);
      } else {
        told = changes.revision;
        yield encode(changes);
      }
    }
  }

  /** Whether there is news before it is time for a sign of life. */
  async #changed(told: number, signal: AbortSignal): Promise<boolean> {
    const turn = new AbortController();
    const either = AbortSignal.any([signal, turn.signal]);
    const nothing = (error: unknown) => {
      if (either.aborted) return false;
      throw error;
    };
    const changed = this.#feed.view.changed(told, either).then(() => true, nothing);
    const beat = this.#clock.sleep(ACCESS_WATCH_BEAT_MS, either).then(() => false, nothing);
    try {
      return await Promise.race([changed, beat]);
    } finally {
      turn.abort();
    }
  }

  /** Some steps on from a revision; undefined when only a copy leads on. */
  #changesAfter(told: number): Extract<AccessLine, { readonly kind: "changes" }> | undefined {
    const steps = this.#feed.stepsAfter(told, { changeCountMax: ACCESS_LINE_RECORD_COUNT_MAX });
    const last = steps?.at(-1);
    if (steps === undefined || last === undefined) return undefined;
    const changes = steps.flatMap((step) => step.changes.map(keyedRecord));
    return { kind: "changes", from: told, revision: last.revision, changes };
  }

  /** All records as they are now, in lines. */
  *#copy(revision: number): Generator<Uint8Array> {
    const records = [...this.#feed.view.records()];
    yield encode({ kind: "begin", revision });
    for (let at = 0; at < records.length; at += ACCESS_LINE_RECORD_COUNT_MAX) {
      yield linesOf(records.slice(at, at + ACCESS_LINE_RECORD_COUNT_MAX));
    }
    yield encode({ kind: "end", count: records.length });
  }
}

function linesOf(records: readonly AccessRecord[]): Uint8Array {
  return encode({ kind: "records", records });
}

function alive(revision: number): Uint8Array {
  return encode({ kind: "alive", revision });
}

function encode(line: AccessLine): Uint8Array {
  return encodeJsonLine(line);
}
