/**
 * The newest topology, as the consensus store tells it: read once, then followed by watch.
 *
 * @module
 */

import type { Clock, Logger } from "@gitstratum/core";
import type { Consensus, KeyValue, Revision } from "@gitstratum/core/consensus";
import {
  emptyTopology,
  type Topology,
  TopologyHolder,
  topologySchema,
  type TopologySource,
} from "@gitstratum/core/rpc";
import { FollowedKeys } from "./followed_keys.ts";
import { decodeJson } from "./stored_json.ts";

/** Where the topology is stored. */
export const TOPOLOGY_KEY = "control/topology";

/** Time before a watch that failed is begun again, in milliseconds. */
const RETRY_MS = 1000;

/** Reads a stored topology; the empty one when nothing is stored. @throws `corrupt` */
export function decodeTopology(entry: KeyValue | undefined): Topology {
  return entry === undefined ? emptyTopology() : decodeJson(entry, topologySchema);
}

const RANGE = { from: TOPOLOGY_KEY, to: `${TOPOLOGY_KEY}!` };

/** Follows the stored topology. */
export class TopologyFeed implements TopologySource {
  readonly #consensus: Consensus;
  readonly #holder = new TopologyHolder();
  readonly #keys: FollowedKeys;

  /** Makes a feed that knows nothing yet. */
  constructor(options: {
    readonly consensus: Consensus;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#consensus = options.consensus;
    this.#keys = new FollowedKeys({
      ...options,
      range: RANGE,
      what: "the topology",
      retryMs: RETRY_MS,
      read: () => this.#read(),
      take: async () => void await this.#read(),
    });
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
      this.#keys.warn(error);
    }
  }

  /** Reads the topology, then follows it until {@link TopologyFeed.close}. */
  async open(): Promise<void> {
    await this.#keys.open();
  }

  /** The topology as it is stored now. @throws `unavailable` as the store does */
  async read(): Promise<Topology> {
    await this.#read();
    return this.current();
  }

  /** Stops following. */
  async close(): Promise<void> {
    await this.#keys.close();
  }

  async #read(): Promise<Revision> {
    const { entries, revision } = await this.#consensus.range(RANGE);
    this.#holder.take(decodeTopology(entries[0]));
    return revision;
  }
}
