/**
 * The rings of object nodes by a topology, kept while their nodes stay the same: a ring of a thousand
 * nodes takes a tenth of a second to draw, and most changes of a topology leave it as it is.
 *
 * @module
 */

import { HashRing, type RingNode } from "../../ring/hash_ring.ts";
import type { RingAssignment, RingMember, RingPolicy, Topology } from "../topology/topology.ts";

/** The rings that count now. */
export interface ObjectRings {
  /** See `RingAssignment`; 0 where the topology names no rings. */
  readonly version?: number;
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
   * The rings of a topology. Nodes that are away keep their place: what they miss is repaired, and a
   * crash moves no data.
   */
  of(topology: Topology): ObjectRings {
    if (this.#rings !== undefined && this.#topology === topology) return this.#rings;
    const { version, current: now, previous: before } = ringsOf(topology);
    const current = this.#draw(now);
    const previous = before && this.#draw(before);
    for (const [key, ring] of this.#drawn) {
      if (ring !== current && ring !== previous) this.#drawn.delete(key);
    }
    this.#topology = topology;
    this.#rings = {
      version,
      current,
      policy: topology.ring,
      ...(previous === undefined || previous === current ? {} : { previous }),
    };
    return this.#rings;
  }

  #draw(members: readonly RingMember[]): HashRing {
    const places: RingNode[] = members.map(({ id, zone, weight }) => ({ id, zone, weight }));
    const key = JSON.stringify(places.map(({ id, zone, weight }) => [id, zone, weight]));
    let ring = this.#drawn.get(key);
    if (ring === undefined) this.#drawn.set(key, ring = new HashRing(places));
    return ring;
  }
}

/** The rings that a topology names, or those that follow from the states of its nodes. */
function ringsOf(topology: Topology): RingAssignment {
  if (topology.rings !== undefined) return topology.rings;
  const placed = topology.nodes.filter(({ role, state }) =>
    role === "object" && state !== "joining"
  );
  const staying = placed.filter(({ state }) => state !== "draining");
  return { version: 0, current: staying, previous: placed };
}
