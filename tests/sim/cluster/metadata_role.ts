/**
 * A metadata node in the simulation: the real one, with real SQLite files, over a line to the store.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import { ConsensusLog } from "@gitstratum/core/consensus";
import { MemoryDisk } from "@gitstratum/core/disk";
import {
  ConsensusNodeLease,
  RoutedExtentStore,
  type Service,
  withRelay,
  withTopology,
} from "@gitstratum/core/rpc";
import { AbleNodeControl, type OpenMetadataNode, openMetadataNode } from "@gitstratum/metadata";
import type { Mutation } from "../faults/mutation.ts";
import { SqliteDirectory } from "../world/sqlite_directory.ts";
import { SimTableDisk, type TableFaults } from "../world/table_disk.ts";
import { join, link } from "./cluster_membership.ts";
import type { ServedPartitions } from "./served_partitions.ts";
import type { Ending, SimGround, SimRole } from "./sim_node.ts";
import { webhookEgress } from "./webhook_egress.ts";

/** Entries left in each log: few, so that nodes that were away need snapshots. */
const KEEP_ENTRY_COUNT = 4;

/** Packs that nobody reached for so long are let go: longer than any push of a run, in milliseconds. */
export const UNREACHED_GRACE_MS = 25_000;

/** A metadata node's tables over its lives. */
export class MetadataRole implements SimRole<OpenMetadataNode>, Disposable {
  /** How the disk under the tables fares. */
  readonly faults: TableFaults = {};
  readonly #mutation: Mutation;
  readonly #directory = new SqliteDirectory();

  readonly #served: ServedPartitions;

  /** Makes a role with an empty directory. */
  constructor(mutation: Mutation, served: ServedPartitions) {
    this.#mutation = mutation;
    this.#served = served;
  }

  /** Where the tables of now are. */
  get path(): string {
    return this.#directory.path;
  }

  /** {@inheritDoc SimRole.open} */
  async open(ground: SimGround, listen: (service: Service) => void): Promise<OpenMetadataNode> {
    const { id, random, logger, consensus, fetchers, process, loop } = ground;
    if (this.faults.full !== undefined && this.#directory.isEmpty) {
      throw new Error("database or disk is full");
    }
    const clock = this.#mutation.metadataClock(ground.clock);
    // A metadata node starts without a topology: losing the file costs it nothing but time.
    const { topology: whole, membership } = link(ground, new MemoryDisk());
    const topology = this.#served.topology(whole);
    const lease = await ConsensusNodeLease.open({ consensus, nodeId: id, clock, logger });
    const fetcherFor = () => fetchers.signed;
    const extents = new RoutedExtentStore({ topology, fetcherFor, clock, random });
    const node = await openMetadataNode({
      dataDirectory: this.#directory.path,
      disk: this.#mutation.tableDisk(new SimTableDisk(this.faults, { loop, process })),
      log: this.#mutation.metadataLog(new ConsensusLog(consensus)),
      extents: this.#mutation.metadataExtents(extents),
      clock,
      random: this.#served.random(random),
      logger,
      cluster: { nodeId: id, topology, lease: this.#mutation.metadataLease(lease), fetcherFor },
      keepEntryCount: KEEP_ENTRY_COUNT,
      unreachedGraceMs: UNREACHED_GRACE_MS,
      // A day passes by a jump of all clocks.
      clockBeliefMs: 0,
      webhooks: {
        consensus,
        egress: this.#mutation.metadataEgress(webhookEgress(fetchers.plain)),
      },
    });
    listen(withRelay(withTopology(node.service, whole), { topology: whole, fetcherFor }));
    const isAble = () => lease.mayServe();
    const diskFull = () => node.diskFull;
    const control = new AbleNodeControl(membership.control, { isAble, diskFull, logger });
    const caughtUp = () => node.caughtUp();
    await join(ground, { role: "metadata", membership, control, caughtUp });
    return node;
  }

  /** {@inheritDoc SimRole.ended} */
  ended(ending: Ending, random: SeededRandom): void {
    switch (ending) {
      case "kill":
        return this.#directory.kill();
      case "power":
        return this.#directory.losePower(random);
      case "lose":
        return this.#directory.lose();
    }
  }

  /** Removes the files. */
  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}
