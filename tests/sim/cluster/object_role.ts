/**
 * An object node in the simulation: the real one on a disk in memory, which loses, tears and slows.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import { type ObjectNode, openObjectNode, type Trouble } from "@gitstratum/object";
import { join, link } from "./cluster_membership.ts";
import { ProcessDisk } from "./process_disk.ts";
import type { Ending, SimGround, SimRole } from "./sim_node.ts";
import { type Service, withRelay, withTopology } from "@gitstratum/core/rpc";
import type { Mutation } from "../faults/mutation.ts";

/** An object node's disk over its lives. */
export class ObjectRole implements SimRole<ObjectNode> {
  readonly #mutation: Mutation;
  /** What the node told. */
  readonly troubles: Trouble[] = [];
  #disk = new MemoryDisk();

  /** Makes a role with an empty disk. */
  constructor(mutation: Mutation) {
    this.#mutation = mutation;
  }

  /** The disk as it is now. */
  get disk(): MemoryDisk {
    return this.#disk;
  }

  /** {@inheritDoc SimRole.open} */
  async open(ground: SimGround, listen: (service: Service) => void): Promise<ObjectNode> {
    const { id, clock, random, process, fetchers, onFatal } = ground;
    const disk = new ProcessDisk(this.#disk, process);
    // A node that starts without a topology asks for it: losing the file costs nothing but time.
    const { topology, membership } = link(ground, new MemoryDisk());
    const node = await openObjectNode({
      disk: this.#mutation.objectDisk(disk),
      clock,
      random,
      ring: { self: id, topology, fetcherFor: () => fetchers.signed },
      onFailure: onFatal,
      onTrouble: (trouble) => void this.troubles.push(trouble),
    });
    const service = withTopology(this.#mutation.objectService(node.service), topology);
    listen(withRelay(service, { topology, fetcherFor: () => fetchers.signed }));
    const ringVersion = () => node.ring?.upkeep.status.ringVersion;
    await join(ground, { role: "object", membership, ringVersion });
    return node;
  }

  /** {@inheritDoc SimRole.ended} */
  ended(ending: Ending, random: SeededRandom): void {
    const { faults } = this.#disk;
    switch (ending) {
      case "kill":
        this.#disk = this.#disk.kill();
        break;
      case "power":
        this.#disk = this.#disk.crash(random.next());
        break;
      case "lose":
        this.#disk = new MemoryDisk();
        break;
    }
    Object.assign(this.#disk.faults, faults);
  }
}
