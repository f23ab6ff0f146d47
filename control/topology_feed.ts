/**
 * The newest topology, as the consensus store tells it: read once, then followed by watch.
 *
 * @module
 */

import type { Clock, Logger } from "@gitstratum/core";
import type { Consensus, KeyValue } from "@gitstratum/core/consensus";
import {
  emptyTopology,
  type Topology,
  TopologyHolder,
  topologySchema,
  type TopologySource,
} from "@gitstratum/core/rpc";
import { decodeJson } from "./stored_json.ts";

/** Where the topology is stored. */
export const TOPOLOGY_KEY = "control/topology";

/** Time before a watch that failed is begun again, in milliseconds. */
const RETRY_MS = 1000;

/** Reads a stored topology; the empty one when nothing is stored. @throws `corrupt` */
export function decodeTopology(entry: KeyValue | undefined): Topology {
  return entry === undefined ? emptyTopology() : decodeJson(entry, topologySchema);
}

/** Follows the stored topology. */
export class TopologyFeed implements TopologySource {
  readonly #consensus: Consensus;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #stop = new AbortController();
  readonly #holder = new TopologyHolder();
  #running: Promise<void> = Promise.resolve();

  /** Makes a feed that knows nothing yet. */
  constructor(options: {
    readonly consensus: Consensus;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#consensus = options.consensus;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** The newest topology that was heard of. */
  current(): Topology {
    return this.#holder.current();
  }

  /** The first topology newer than a version; see {@link TopologySource.changed}. */
  changed(afterVersion: number, signal: AbortSignal): Promise<Topology> {
    return this.#holder.changed(afterVersion, signal);
  }

  /** Reads the topology as it is stored now, if the store answers. */
  async refresh(): Promise<void> {
    try {
      await this.#read();
    } catch (error) {
      this.#warn("Fail to read the topology", error);
    }
  }

  /** Reads the topology, then follows it until {@link TopologyFeed.close}. */
  async open(): Promise<void> {
    const revision = await this.#read();
    this.#running = this.#follow(revision);
  }

  /** The topology as it is stored now. @throws `unavailable` as the store does */
  async read(): Promise<Topology> {
    await this.#read();
    return this.current();
  }

  /** Stops following. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #read(): Promise<number> {
    const range = { from: TOPOLOGY_KEY, to: `${TOPOLOGY_KEY}!` };
    const { entries, revision } = await this.#consensus.range(range);
    this.#holder.take(decodeTopology(entries[0]));
    return revision;
  }

  async #follow(revision: number): Promise<void> {
    const { signal } = this.#stop;
    const range = { from: TOPOLOGY_KEY, to: `${TOPOLOGY_KEY}!` };
    for (let after = revision; !signal.aborted;) {
      try {
        for await (const _ of this.#consensus.watch(range, { after, signal })) await this.#read();
        return;
      } catch (error) {
        this.#warn("Lose the watch on the topology", error);
        after = await this.#readAgain(after);
      }
    }
  }

  /** Waits and reads; the revision to go on from. */
  async #readAgain(after: number): Promise<number> {
    try {
      await this.#clock.sleep(RETRY_MS, this.#stop.signal);
      return await this.#read();
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#warn("Fail to read the topology", error);
      return after;
    }
  }

  #warn(message: string, error: unknown): void {
    this.#logger.warn(message, {
      error: error instanceof Error ? error : new Error(String(error)),
    });
  }
}
