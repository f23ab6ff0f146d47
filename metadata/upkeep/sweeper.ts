/**
 * Takes away what nothing refers to: extents of pushes that never committed, packs of deleted
 * networks, spilled records whose log entries are gone, snapshots that no log entry names.
 *
 * An extent is an orphan when it is older than the grace time and its group is in no catalogue. The
 * grace is twice what a push may take from its first extent to its commit, so no running push loses
 * anything, and a push that took longer is refused.
 *
 * @module
 */

import { type Clock, type Logger, ORPHAN_GRACE_MS } from "@gitstratum/core";
import {
  type ExtentId,
  type ExtentInfo,
  type ExtentStore,
  groupExtents,
  type GroupId,
  type NetworkId,
} from "@gitstratum/core/rpc";
import { partitionOf } from "@gitstratum/core/ring";
import type { PartitionTable } from "../partition/partition_table.ts";
import type { StateDatabase } from "../state/state_database.ts";
import type { StateReader } from "../state/state_reader.ts";
import { Statements } from "../state/statements.ts";

/** What a sweeper stands on. */
export interface SweeperOptions {
  readonly partitions: PartitionTable;
  readonly database: StateDatabase;
  readonly reader: StateReader;
  readonly extents: ExtentStore;
  readonly clock: Pick<Clock, "nowMs">;
  readonly logger: Logger;
  /** Packs of deleted networks stay this long for fetches that run; milliseconds. */
  readonly freedGraceMs: number;
}

/** Extents looked at in one page. */
const PAGE_COUNT = 1000;
/** Freed groups removed in one go. */
const FREED_COUNT = 100;

/** Removes extents that no catalogue needs. */
export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #sql: Statements;

  /** Makes a sweeper; it does nothing by itself. */
  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#sql = new Statements(options.database.reader);
  }

  /**
   * Removes the packs of networks that were deleted, in the partitions that are this node's.
   *
   * @returns the number of groups removed
   */
  async removeFreed(): Promise<number> {
    const { database, extents, clock, freedGraceMs } = this.#options;
    const freedBefore = clock.nowMs() - freedGraceMs;
    let count = 0;
    for (;;) {
      const rows = this.#sql.all(
        "SELECT freed_groups.* FROM freed_groups JOIN networks USING (network) WHERE at_ms <= ?" +
          " AND partition IN (SELECT value FROM json_each(?)) ORDER BY at_ms LIMIT ?",
        freedBefore,
        JSON.stringify(this.#options.partitions.primaries),
        FREED_COUNT,
      );
      for (const row of rows) {
        const groupId = row["group_id"] as GroupId;
        await extents.remove([...groupExtents({
          groupId,
          historyBytes: Number(row["history_bytes"]),
          contentBytes: Number(row["content_bytes"]),
          indexBytes: Number(row["index_bytes"]),
          extentBytes: Number(row["extent_bytes"]),
          historyCount: 0,
          contentCount: 0,
        })]);
        // Last, so that a crash in between only removes again what is gone.
        await database.write(function* () {
          yield;
          new Statements(database.writer).run(
            "DELETE FROM freed_groups WHERE group_id = ?",
            groupId,
          );
        });
        count++;
      }
      if (rows.length < FREED_COUNT) return count;
    }
  }

  /**
   * Looks through all extents and removes orphans, in the partitions that are this node's, by a wall
   * time that is not ahead.
   *
   * @returns the number of extents removed
   */
  async removeOrphans(nowMs: number, signal?: AbortSignal): Promise<number> {
    const { extents } = this.#options;
    let after: ExtentId | undefined;
    let count = 0;
    while (!signal?.aborted) {
      const page = await extents.list({
        ...(after === undefined ? {} : { after }),
        limit: PAGE_COUNT,
      });
      const orphans: ExtentId[] = [];
      for (const extent of page) if (await this.#isOrphan(extent, nowMs)) orphans.push(extent.id);
      if (orphans.length > 0) await extents.remove(orphans);
      count += orphans.length;
      if (page.length < PAGE_COUNT) break;
      after = page.at(-1)!.id;
    }
    if (count > 0) this.#options.logger.info("Removed orphaned extents", { count });
    return count;
  }

  async #isOrphan(extent: ExtentInfo, nowMs: number): Promise<boolean> {
    const { partitions } = this.#options;
    if (extent.writtenAtMs > nowMs - ORPHAN_GRACE_MS) return false;
    const partition = partitionOf(extent.owner);
    if (!partitions.isPrimary(partition) || this.#isListed(extent)) return false;
    // What the partition's log holds must be applied before its catalogue can be believed.
    return await partitions.readCaughtUp(partition, () => !this.#isListed(extent));
  }

  /** Whether the tables name what an extent is of. */
  #isListed({ id, owner }: ExtentInfo): boolean {
    const groupId = id.slice(0, 32) as GroupId;
    if (id[32] === "l") return this.#isSpilled(groupId);
    if (id[32] === "s") return this.#isSnapshot(groupId);
    return this.#options.reader.hasGroup(owner as NetworkId, groupId) || this.#isFreed(groupId);
  }

  #isSpilled(groupId: GroupId): boolean {
    return this.#sql.get("SELECT 1 FROM spilled WHERE payload = ?", groupId) !== undefined;
  }

  #isSnapshot(snapshotId: GroupId): boolean {
    return this.#sql.get("SELECT 1 FROM snapshots WHERE snapshot = ?", snapshotId) !== undefined;
  }

  /** Freed groups have their own time. */
  #isFreed(groupId: GroupId): boolean {
    return this.#sql.get("SELECT 1 FROM freed_groups WHERE group_id = ?", groupId) !== undefined;
  }
}
