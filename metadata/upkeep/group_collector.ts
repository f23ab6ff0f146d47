/**
 * Finds pack groups that no repository of their network reaches any more, and lets them go.
 *
 * A group goes as a whole or stays as a whole. It goes when no reference of any repository, present,
 * former within its grace, or of a deleted repository that can be restored, reaches anything in it,
 * and no group that stays is read against it; and when that was so an hour ago, too. A push that was
 * checked before is decided by then, and one that is checked later can not build on what it does not
 * reach. Its extents go later, so a fetch that was planned before has them.
 *
 * Networks are looked at when something in them may have lost its last reference: former references
 * were forgotten, or a repository was purged. Who looks forgets what it waits for when it ends; then the
 * next such event finds the groups.
 *
 * @module
 */

import {
  type Clock,
  COLLECTED_REPOSITORY_COUNT_MAX,
  FREED_GROUP_COUNT_MAX,
  type Logger,
} from "@gitstratum/core";
import type { GroupId, NetworkId } from "@gitstratum/core/rpc";
import { partitionOf } from "@gitstratum/core/ring";
import type { PlacedRecord } from "../state/materialiser.ts";
import type { PackCatalogue } from "../state/pack_catalogue.ts";
import type { PartitionTable } from "../partition/partition_table.ts";
import type { RepositoryState } from "../partition/partition_view.ts";
import type { NetworkView } from "../reach/network_view.ts";
import type { ReferenceHistory } from "../state/reference_history.ts";
import { RepositoryRefs } from "../state/repository_refs.ts";
import type { StateReader } from "../state/state_reader.ts";
import type { Statements } from "../state/statements.ts";

/** What a collector stands on. */
export interface GroupCollectorOptions {
  readonly partitions: PartitionTable;
  readonly reader: StateReader;
  /** Over the connection that reads. */
  readonly sql: Statements;
  readonly catalogue: Pick<PackCatalogue, "groups">;
  readonly history: ReferenceHistory;
  readonly view: Pick<NetworkView, "unneededGroups">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nobody may have needed a group for so long before it goes; milliseconds. */
  readonly graceMs: number;
}

/**
 * A time at which no former reference has lapsed. Checks of pushes may count one for as long as the
 * tables have it: they remember what a repository reaches until some are forgotten.
 */
const BEFORE_ALL = { nowMs: () => -Infinity };

/** Collects groups of the partitions of which this node is the primary. */
export class GroupCollector {
  readonly #options: GroupCollectorOptions;
  /** Networks to be looked at, with the groups that nobody needed and since when. */
  readonly #due = new Map<NetworkId, ReadonlyMap<GroupId, number>>();

  /** Makes a collector that has nothing to look at. */
  constructor(options: GroupCollectorOptions) {
    this.#options = options;
  }

  /** Learns of records that were applied. */
  applied(records: readonly PlacedRecord[]): void {
    for (const { record } of records) {
      if (record.kind === "repository-deleted") this.note(record.networkId);
    }
  }

  /** Learns that something of a network may have lost its last reference. */
  note(networkId: NetworkId): void {
    if (!this.#due.has(networkId)) this.#due.set(networkId, new Map());
  }

  /**
   * Looks at what is due.
   *
   * @returns how many groups were let go
   */
  async collect(signal?: AbortSignal): Promise<number> {
    let count = 0;
    for (const [networkId, before] of [...this.#due]) {
      if (signal?.aborted) break;
      count += await this.#collect(networkId, before);
    }
    if (count > 0) this.#options.logger.info("Let go of groups that nobody reaches", { count });
    return count;
  }

  async #collect(networkId: NetworkId, before: ReadonlyMap<GroupId, number>): Promise<number> {
    const { partitions, clock, graceMs } = this.#options;
    const partition = partitionOf(networkId);
    if (!partitions.isPrimary(partition)) {
      // Whoever is the primary now learns the same from its own tables.
      this.#due.delete(networkId);
      return 0;
    }
    // A push that is only in the log may need what no table shows to be needed.
    const unneeded = await partitions.readCaughtUp(partition, () => this.#unneeded(networkId));
    const nowMs = clock.monotonicMs();
    const since = new Map(unneeded.map((groupId) => [groupId, before.get(groupId) ?? nowMs]));
    const ripe = unneeded.filter((groupId) => since.get(groupId)! <= nowMs - graceMs).slice(
      0,
      FREED_GROUP_COUNT_MAX,
    );
    if (ripe.length > 0) {
      const freed = {
        kind: "groups-freed",
        networkId,
        groupIds: ripe,
        atMs: clock.nowMs(),
      } as const;
      await partitions.submit(partition, () => ({ records: [freed], answer: undefined }));
    }
    for (const groupId of ripe) since.delete(groupId);
    if (since.size === 0) this.#due.delete(networkId);
    else this.#due.set(networkId, since);
    return ripe.length;
  }

  async #unneeded(networkId: NetworkId): Promise<GroupId[]> {
    const { reader, catalogue, view } = this.#options;
    // All of one moment: nothing is awaited before the views of references are made.
    const candidates = catalogue.groups(networkId).map(({ group }) => group.groupId);
    const repositories = reader.repositoriesOf(networkId);
    if (repositories.length > COLLECTED_REPOSITORY_COUNT_MAX) return [];
    const refs = repositories.map((repository) => this.#refsOf(repository));
    return await view.unneededGroups(candidates, refs);
  }

  #refsOf(repository: RepositoryState): RepositoryRefs {
    const { reader, sql, history } = this.#options;
    const number = reader.numberOf(repository.repositoryId)!;
    return new RepositoryRefs(repository, {
      sql,
      history,
      clock: BEFORE_ALL,
      number,
      scope: "repository",
    });
  }
}
