/**
 * The topology as streams of JSON lines for those who follow it: `docs/formats/topology-stream.md`.
 *
 * A stream holds no queue: when its reader asks for more it gets the way from what it was told last to
 * what is newest, however many versions lie between. A slow reader therefore costs nothing, and skips
 * what is over. Lines are made once for all readers that stand at the same version.
 *
 * @module
 */

import {
  type Clock,
  GitStratumError,
  TOPOLOGY_WATCH_BEAT_MS,
  TOPOLOGY_WATCH_COUNT_MAX,
} from "@gitstratum/core";
import {
  encodeJsonLine,
  type Topology,
  topologyChange,
  type TopologyLine,
  type TopologySource,
} from "@gitstratum/core/rpc";

/** Serves streams of one source. */
export class TopologyStreams {
  readonly #source: TopologySource;
  readonly #clock: Clock;
  readonly #isInTouch: () => boolean;
  readonly #stop = new AbortController();
  #count = 0;
  /** The last line that led from one topology to another: most readers need the same. */
  #made: { before: Topology | undefined; after: Topology; bytes: Uint8Array } | undefined;

  /** Makes streams of what `source` knows. */
  constructor(source: TopologySource, clock: Clock, options: {
    /** Whether the store was heard of lately, so that what `source` knows is what there is. */
    readonly isInTouch: () => boolean;
  }) {
    this.#source = source;
    this.#clock = clock;
    this.#isInTouch = options.isInTouch;
  }

  /** Streams that are open. */
  get count(): number {
    return this.#count;
  }

  /**
   * A stream for somebody who knows a version: it begins with the whole topology unless that is it.
   *
   * @throws `exhausted` when there are too many, `unavailable` when they were ended or the store is
   * out of reach
   */
  open(knownVersion: number): ReadableStream<Uint8Array> {
    if (this.#stop.signal.aborted) {
      throw new GitStratumError("unavailable", "Ask another control node, this one stops");
    }
    if (!this.#isInTouch()) {
      throw new GitStratumError("unavailable", "Ask another control node, this one has no store");
    }
    if (this.#count >= TOPOLOGY_WATCH_COUNT_MAX) {
      throw new GitStratumError("exhausted", "Refuse one more stream of the topology", {
        data: { countMax: TOPOLOGY_WATCH_COUNT_MAX },
      });
    }
    this.#count++;
    const left = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, left.signal]);
    const end = () => {
      if (left.signal.aborted) return;
      left.abort();
      this.#count--;
    };
    const first = this.#source.current();
    let told = first.version === knownVersion ? first : undefined;
    let isFirst = true;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const next = isFirst ? first : await this.#next(told!, signal);
        isFirst = false;
        if (signal.aborted || (next === told && !this.#isInTouch())) {
          end();
          controller.close();
          return;
        }
        controller.enqueue(this.#line(told, next));
        told = next;
      },
      cancel: end,
    }, { highWaterMark: 0 });
  }

  /** Ends all streams, so that their readers go to another control node. */
  close(): void {
    this.#stop.abort();
  }

  /** What is newer than what was told, or the same again when it is time for a sign of life. */
  async #next(told: Topology, signal: AbortSignal): Promise<Topology> {
    const turn = new AbortController();
    const either = AbortSignal.any([signal, turn.signal]);
    const same = (error: unknown) => {
      if (either.aborted) return told;
      throw error;
    };
    const changed = this.#source.changed(told.version, either).catch(same);
    const beat = this.#clock.sleep(TOPOLOGY_WATCH_BEAT_MS, either).then(() => told, same);
    try {
      return await Promise.race([changed, beat]);
    } finally {
      turn.abort();
    }
  }

  #line(before: Topology | undefined, after: Topology): Uint8Array {
    if (before === after) return encodeJsonLine(alive(after));
    if (this.#made?.before !== before || this.#made?.after !== after) {
      this.#made = { before, after, bytes: encodeJsonLine(lineTo(before, after)) };
    }
    return this.#made!.bytes;
  }
}

function lineTo(before: Topology | undefined, after: Topology): TopologyLine {
  const change = before && topologyChange(before, after);
  return change === undefined ? { kind: "whole", topology: after } : { kind: "change", ...change };
}

function alive({ version }: Topology): TopologyLine {
  return { kind: "alive", version };
}
