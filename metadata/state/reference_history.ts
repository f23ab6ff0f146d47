/**
 * The latest reference changes in memory: lets readers bring a cached closure of a repository's
 * references up to date without reading all references again.
 *
 * It remembers changes of repositories that were looked at, may forget at any time (it is bounded,
 * and empty after a start), and says so when it did.
 *
 * @module
 */

import type { Oid } from "@gitstratum/core/git";
import type { RepositoryId } from "@gitstratum/core/rpc";
import type { PlacedRecord } from "./materialiser.ts";

/** Repositories remembered: those looked at last. */
const REPOSITORY_COUNT_MAX = 1024;
/** Tips remembered for each repository. */
const TIP_COUNT_MAX = 2048;

/** A value that a reference got. */
export interface NewTip {
  readonly name: string;
  readonly oid: Oid;
}

interface Change {
  readonly version: number;
  readonly tips: readonly NewTip[];
}

interface Remembered {
  /** Changes after this version are known. */
  since: number;
  changes: Change[];
  tipCount: number;
}

/** What came to the tips of repositories, and when. */
export class ReferenceHistory {
  readonly #repositories = new Map<RepositoryId, Remembered>();
  /** How often former references of a repository were forgotten: that too makes a new version. */
  readonly #forgottenCounts = new Map<RepositoryId, number>();

  /**
   * The version of a repository's tips, given the lsn of its last reference change. Remembers its
   * changes from now on.
   */
  track(id: RepositoryId, refsVersion: number): number {
    const version = refsVersion + (this.#forgottenCounts.get(id) ?? 0);
    const known = this.#repositories.get(id) ?? { since: version, changes: [], tipCount: 0 };
    this.#repositories.delete(id);
    this.#repositories.set(id, known);
    if (this.#repositories.size > REPOSITORY_COUNT_MAX) {
      this.#repositories.delete(this.#repositories.keys().next().value!);
    }
    return version;
  }

  /** Tips that came after a version; undefined when that is no longer known. */
  tipsSince(id: RepositoryId, version: number): readonly NewTip[] | undefined {
    const known = this.#repositories.get(id);
    if (known === undefined || version < known.since) return undefined;
    return known.changes.filter((change) => change.version > version).flatMap(({ tips }) => tips);
  }

  /** Learns of records that were applied. */
  applied(records: readonly PlacedRecord[]): void {
    for (const { lsn, record } of records) {
      if (record.kind === "repository-deleted") this.#repositories.delete(record.repositoryId);
      if (record.kind !== "push") continue;
      const version = lsn + (this.#forgottenCounts.get(record.repositoryId) ?? 0);
      const tips = record.updates.flatMap(({ name, new: oid }) =>
        oid === undefined ? [] : { name, oid }
      );
      this.#remember(record.repositoryId, { version, tips });
    }
  }

  /** Learns that some former references of a repository are not tips any more. */
  forgotten(id: RepositoryId): void {
    this.#repositories.delete(id);
    this.#forgottenCounts.set(id, (this.#forgottenCounts.get(id) ?? 0) + 1);
  }

  /** Forgets everything: some states were passed over without their changes. */
  reset(): void {
    this.#repositories.clear();
  }

  #remember(id: RepositoryId, change: Change): void {
    const known = this.#repositories.get(id);
    if (known === undefined) return;
    known.changes.push(change);
    known.tipCount += change.tips.length;
    while (known.tipCount > TIP_COUNT_MAX) {
      const dropped = known.changes.shift()!;
      known.since = dropped.version;
      known.tipCount -= dropped.tips.length;
    }
  }
}
