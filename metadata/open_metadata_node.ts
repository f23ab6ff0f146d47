/**
 * Puts a metadata node together over a data directory.
 *
 * @module
 */

import { type Clock, FREED_GROUP_GRACE_MS, type Logger, type Random } from "@gitstratum/core";
import type { Log } from "@gitstratum/core/consensus";
import type { ExtentStore, Metadata, Service } from "@gitstratum/core/rpc";
import { Directory } from "./directory.ts";
import { Materialiser } from "./materialiser.ts";
import { MetadataNode } from "./metadata_node.ts";
import { MetadataService } from "./metadata_service.ts";
import { PartitionTable } from "./partition_table.ts";
import { NetworkView } from "./reach/network_view.ts";
import { RecordSpill } from "./record_spill.ts";
import { ReferenceHistory } from "./reference_history.ts";
import { StateCatalogue } from "./state_catalogue.ts";
import { StateDatabase } from "./state_database.ts";
import { StateReader } from "./state_reader.ts";
import { StateUpkeep } from "./state_upkeep.ts";
import { Statements } from "./statements.ts";
import { Sweeper } from "./sweeper.ts";
import { Upkeep } from "./upkeep.ts";

/** What a node is opened with. */
export interface MetadataNodeOptions {
  /** A directory of the node's own; made when it is missing. */
  readonly dataDirectory: string;
  /** The truth of all partitions; stays its owner's to close. */
  readonly log: Log;
  /** Where packs and spilled records are. */
  readonly extents: ExtentStore;
  /** Drives the node's chores, too. */
  readonly clock: Clock;
  /** Draws the ids of repositories and networks. */
  readonly random: Random;
  /** Told of chores that failed and of bugs. */
  readonly logger: Logger;
  /** Packs of deleted repositories stay this long, in milliseconds. */
  readonly freedGraceMs?: number;
  /** Entries to leave in each log for those who tail it. */
  readonly keepEntryCount?: number;
}

/** A node that serves. */
export interface OpenMetadataNode {
  /** The node behind its wire. */
  readonly service: Service;
  /** The node itself, for callers in its own package. */
  readonly metadata: Metadata;
  /** Repairs, sweeps and forgets now what is due; it runs by itself too. */
  upkeep(): Promise<void>;
  /** Stops taking requests, finishes what runs, closes the file. */
  close(): Promise<void>;
}

/**
 * Opens a node. Partitions are opened when first asked for, so this does not depend on how many
 * repositories there are.
 *
 * @throws `unsupported` when the directory was written by another version
 */
export async function openMetadataNode(options: MetadataNodeOptions): Promise<OpenMetadataNode> {
  const { dataDirectory, log, extents, clock, random, logger } = options;
  await Deno.mkdir(dataDirectory, { recursive: true });
  const database = new StateDatabase(`${dataDirectory}/metadata.sqlite`, clock);
  const reader = new StateReader(database.reader);
  const history = new ReferenceHistory();
  const spill = new RecordSpill(extents, random);
  const partitions = new PartitionTable({
    log,
    database,
    reader,
    materialiser: new Materialiser(database.writer),
    spill,
    clock,
    onApplied: (records) => history.applied(records),
  });
  const directory = new Directory({ partitions, reader, clock, random });
  const catalogue = new StateCatalogue(new Statements(database.reader));
  const view = new NetworkView({ catalogue, extents });
  const upkeep = new Upkeep({
    directory,
    partitions,
    sweeper: new Sweeper({
      partitions,
      database,
      reader,
      extents,
      clock,
      logger,
      freedGraceMs: options.freedGraceMs ?? FREED_GROUP_GRACE_MS,
    }),
    state: new StateUpkeep({
      partitions,
      database,
      log,
      spill,
      history,
      clock,
      ...(options.keepEntryCount === undefined ? {} : { keepEntryCount: options.keepEntryCount }),
    }),
    clock,
    logger,
  });
  const metadata = new MetadataNode({
    directory,
    partitions,
    database,
    reader,
    history,
    view,
    extents,
    clock,
    random,
    logger,
  });
  upkeep.start();
  return {
    service: new MetadataService(metadata, logger),
    metadata,
    upkeep: () => upkeep.run(),
    async close() {
      await upkeep.stop();
      await partitions.close();
      await database.close();
    },
  };
}
