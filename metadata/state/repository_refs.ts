/**
 * The references of one repository as the reachability rules see them, read from the tables.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";
import { FORMER_REFERENCE_GRACE_MS } from "@gitstratum/core";
import { HiddenReferences, type ObjectFormat, type Oid } from "@gitstratum/core/git";
import type { NetworkId, RepositoryId } from "@gitstratum/core/rpc";
import type { RepositoryRefsView } from "./pack_catalogue.ts";
import type { RepositoryState } from "../partition/partition_view.ts";
import type { ReferenceHistory } from "./reference_history.ts";
import type { Statements } from "./statements.ts";

/** Rows read at once. */
const PAGE_ROWS = 4096;

const NOTHING_HIDDEN = new HiddenReferences([]);

/** What a view of references stands on. */
export interface RepositoryRefsOptions {
  readonly sql: Statements;
  readonly history: ReferenceHistory;
  readonly clock: Pick<Clock, "nowMs">;
  /** The node-local number of the repository. */
  readonly number: number;
  /** Whether hidden references count: they do for the repository itself, not for its clients. */
  readonly scope: "visible" | "repository";
}

/** A {@link RepositoryRefsView} over the tables. It is never older than its version. */
export class RepositoryRefs implements RepositoryRefsView {
  readonly repositoryId: RepositoryId;
  readonly networkId: NetworkId;
  readonly objectFormat: ObjectFormat;
  readonly closureKey: string;
  readonly version: number;
  /** References without a name for who asks. */
  readonly #nameless: HiddenReferences;
  /** References that reach nothing for who asks. */
  readonly #hidden: HiddenReferences;
  readonly #head: string;
  readonly #options: RepositoryRefsOptions;

  /** Makes a view of a repository whose state was read in this turn. */
  constructor(state: RepositoryState, options: RepositoryRefsOptions) {
    this.repositoryId = state.repositoryId;
    this.networkId = state.networkId;
    this.objectFormat = state.objectFormat;
    this.#head = state.head;
    this.#options = options;
    this.version = options.history.track(state.repositoryId, state.refsVersion);
    const { hiddenReferences, allowHiddenWants } = state.settings;
    const isVisible = options.scope === "visible";
    this.#nameless = isVisible ? new HiddenReferences(hiddenReferences) : NOTHING_HIDDEN;
    this.#hidden = allowHiddenWants ? NOTHING_HIDDEN : this.#nameless;
    // Tips of equal versions differ only by what is hidden.
    this.closureKey = this.#hidden.any
      ? [state.repositoryId, state.head, ...hiddenReferences].join(" ")
      : state.repositoryId;
  }

  /** Whether a reference's objects are there for who asks. As in git, HEAD shows a hidden branch. */
  #counts(name: string): boolean {
    return name === this.#head || !this.#hidden.hides(name);
  }

  /** {@inheritDoc RepositoryRefsView.tips} */
  *tips(): Generator<Oid> {
    yield* this.#current();
    yield* this.#former();
  }

  *#current(): Generator<Oid> {
    const { sql, number } = this.#options;
    let after = "";
    for (;;) {
      const rows = sql.all(
        "SELECT name, lower(hex(oid)) AS oid FROM refs WHERE repository = ? AND name > ?" +
          " ORDER BY name LIMIT ?",
        number,
        after,
        PAGE_ROWS,
      );
      for (const row of rows) {
        if (this.#counts(row["name"] as string)) yield row["oid"] as Oid;
      }
      if (rows.length < PAGE_ROWS) return;
      after = rows.at(-1)!["name"] as string;
    }
  }

  *#former(): Generator<Oid> {
    const { sql, number, clock } = this.#options;
    const goneBefore = clock.nowMs() - FORMER_REFERENCE_GRACE_MS;
    let after = { lsn: 0, position: -1 };
    for (;;) {
      const rows = sql.all(
        "SELECT lsn, position, at_ms, name, lower(hex(oid)) AS oid FROM former_refs" +
          " WHERE repository = ? AND (lsn, position) > (?, ?) ORDER BY lsn, position LIMIT ?",
        number,
        after.lsn,
        after.position,
        PAGE_ROWS,
      );
      for (const row of rows) {
        if (Number(row["at_ms"]) <= goneBefore) continue;
        if (this.#counts(row["name"] as string)) yield row["oid"] as Oid;
      }
      if (rows.length < PAGE_ROWS) return;
      const last = rows.at(-1)!;
      after = { lsn: Number(last["lsn"]), position: Number(last["position"]) };
    }
  }

  /** {@inheritDoc RepositoryRefsView.tipsSince} */
  tipsSince(version: number): readonly Oid[] | undefined {
    const tips = this.#options.history.tipsSince(this.repositoryId, version);
    return tips?.filter(({ name }) => this.#counts(name)).map(({ oid }) => oid);
  }

  /** {@inheritDoc RepositoryRefsView.resolve} */
  resolve(name: string): Oid | undefined {
    if (this.#nameless.hides(name)) return undefined;
    const row = this.#options.sql.get(
      "SELECT lower(hex(oid)) AS oid FROM refs WHERE repository = ? AND name = ?",
      this.#options.number,
      name === "HEAD" ? this.#head : name,
    );
    return row?.["oid"] as Oid | undefined;
  }
}
