/**
 * The rings of object nodes by a topology, kept while their nodes stay the same: a ring of a thousand
 * nodes takes a tenth of a second to draw, and most changes of a topology leave it as it is.
 *
 * @module
 */

import { HashRing, type RingNode } from "../ring/hash_ring.ts";
import type { RingPolicy, Topology, TopologyNode } from "./topology.ts";

/** The rings that count now. */
export interface ObjectRings {
  /** The ring that extents belong on. */
  readonly current: HashRing;
  /** The ring before, until its extents are handed over. */
  readonly previous?: HashRing;
  /** Copies, and how many have to be durable. */
  readonly policy: RingPolicy;
}

/** Finds the rings of topologies. */
export class ObjectRingCache {
  #topology: Topology | undefined;
  #rings: ObjectRings | undefined;
  readonly #drawn = new Map<string, HashRing>();

  /**
   * The rings of a topology. Nodes that are down keep their place: what they miss is repaired, and a
   * crash moves no data. Nodes that drain are on the ring before and not on the current one.
   */
  of(topology: Topology): ObjectRings {
    if (this.#rings !== undefined && this.#topology === topology) return this.#rings;
    const nodes = topology.nodes.filter(({ role, state }) =>
      role === "object" && state !== "joining"
    );
    const current = this.#draw(nodes.filter(({ state }) => state !== "draining"));
    const before = this.#draw(nodes);
    const policy = topology.ring;
    for (const [key, ring] of this.#drawn) {
      if (ring !== current && ring !== before) this.#drawn.delete(key);
    }
    this.#topology = topology;
    this.#rings = current === before ? { current, policy } : { current, previous: before, policy };
    return this.#rings;
  }

  #draw(nodes: readonly TopologyNode[]): HashRing {
    const places: RingNode[] = nodes.map(({ id, zone, weight }) => ({ id, zone, weight }));
    const key = JSON.stringify(places.map(({ id, zone, weight }) => [id, zone, weight]));
    let ring = this.#drawn.get(key);
    if (ring === undefined) this.#drawn.set(key, ring = new HashRing(places));
    return ring;
  }
}
