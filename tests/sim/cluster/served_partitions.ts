/**
 * The few partitions that a simulated cluster serves: of 256 there are eight, so that a run costs a
 * thirtieth of the work. Nothing else about them is different; the others have nobody.
 *
 * @module
 */

import type { Random } from "@gitstratum/core";
import { partitionOf } from "@gitstratum/core/ring";
import type { PartitionAssignment, Topology, TopologySource } from "@gitstratum/core/rpc";

/** Every so manieth partition is served. */
const STEP = 32;
const NETWORK_ID_BYTES = 16;
const NOBODY: PartitionAssignment = { primary: null, followers: [] };

/** Whether a key belongs to a served partition. */
function isServed(key: string): boolean {
  return partitionOf(key) % STEP === 0;
}

/** The names among these that belong to served partitions, from the first of a row of candidates. */
export function servedName(prefix: string): string {
  for (let number = 0;; number++) if (isServed(`${prefix}-${number}`)) return `${prefix}-${number}`;
}

/** Draws ids that belong to served partitions. */
export function servedRandom(random: Random): Random {
  return {
    bytes(count) {
      for (;;) {
        const bytes = random.bytes(count);
        if (count !== NETWORK_ID_BYTES || isServed(bytes.toHex())) return bytes;
      }
    },
  };
}

/** A topology as the nodes of a small cluster see it: nobody has duties in the other partitions. */
export function servedTopology(source: TopologySource): TopologySource {
  const known = new WeakMap<Topology, Topology>();
  const served = (whole: Topology): Topology => {
    const found = known.get(whole);
    if (found !== undefined) return found;
    const partitions = whole.partitions.map((assignment, partition) =>
      partition % STEP === 0 ? assignment : NOBODY
    );
    const made = { ...whole, partitions };
    known.set(whole, made);
    return made;
  };
  return {
    current: () => served(source.current()),
    changed: async (afterVersion, signal) => served(await source.changed(afterVersion, signal)),
    refresh: () => source.refresh(),
  };
}
