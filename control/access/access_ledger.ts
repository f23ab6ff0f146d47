/**
 * Changes of access records, each decided on the newest ones.
 *
 * A change is planned on a view that has caught up, and holds only if no other change came in between:
 * the transaction compares the head. So every rule over several records (names, keys and hashes that
 * are unique, counts with a limit, somebody is left to administer) is a plain look at the view, and no
 * two control nodes can break it together. Within a process changes wait for each other. The entries of
 * the audit trail are put by the same transaction.
 *
 * A change that has a basis is made only while nobody touched what it touches after that
 * (`core/rpc/control_basis.ts`). It touches something itself, so it is made once at most, however often
 * and however late its request arrives.
 *
 * @module
 */

import {
  ACCESS_RECORD_COUNT_MAX,
  assert,
  type Clock,
  CONSENSUS_OPERATION_COUNT_MAX,
  GitStratumError,
  hasCode,
  type Logger,
} from "@gitstratum/core";
import {
  type AccessChange,
  type AccessRecord,
  type JobTokenRecord,
  type MemoryAccessView,
  type RecordKey,
  recordKey,
} from "@gitstratum/core/access";
import type { Change, Consensus, Revision, TransactionResult } from "@gitstratum/core/consensus";
import type { Provenance, RepositoryId } from "@gitstratum/core/rpc";
import type { AccountAudit } from "../audit/account_audit.ts";
import { outOfDate, removalMarks, untouchedSince } from "../removal_marks.ts";
import { encodeJson } from "../stored_json.ts";
import { actOf } from "./access_act.ts";
import {
  ACCESS_HEAD_KEY,
  ACCESS_JOBS_HEAD_KEY,
  type AccessFeed,
  storedKey,
} from "./access_feed.ts";
import { InsertQueue } from "./insert_queue.ts";
import { Turns } from "./turns.ts";

/** Changes of one step: the rest of the transaction is the head, and room. */
export const ACCESS_STEP_CHANGE_COUNT_MAX: number = CONSENSUS_OPERATION_COUNT_MAX - 8;
/** Rounds against changes that other control nodes make. */
const ROUND_COUNT_MAX = 50;

/** What is to happen, and what the caller is told when it has. */
export interface AccessPlan<T> {
  /** At most `ACCESS_STEP_CHANGE_COUNT_MAX`; none for nothing. */
  readonly changes: readonly AccessChange[];
  /** The answer. */
  readonly outcome: T;
  /** Which of the changes are kept in the audit trail; all, unless told. */
  readonly recorded?: readonly AccessChange[];
  /** What nobody may have put or removed after the basis; the recorded changes' keys, unless told. */
  readonly touched?: readonly TouchedKey[];
  /** Whose removal this is; that of the recorded changes that remove something, unless told. */
  readonly gone?: readonly TouchedKey[];
}

/** A record, or what records are about: an account by its name in lower case, a repository. */
export type TouchedKey = RecordKey | `account/${string}` | `repository/${string}`;

/** What a grant on an owner is about: it ends with the account, and is not for a later one of the name. */
export function accountKey(name: string): `account/${string}` {
  return `account/${name.toLowerCase()}`;
}

/** What everything that a repository has is about. */
export function repositoryKey(repository: RepositoryId): `repository/${string}` {
  return `repository/${repository}`;
}

/** A removal of however many records. */
export interface AccessRemoval {
  /** Planned with each step: what keeps others from adding to what is removed. */
  readonly first: readonly AccessChange[];
  /** In any number of steps. */
  readonly removed: readonly AccessRecord[];
  /** With the last step. */
  readonly last: readonly AccessChange[];
  /** Whose removal this is, besides the last changes'. */
  readonly gone?: readonly TouchedKey[];
}

/** What a ledger is made of. */
export interface AccessLedgerParts {
  readonly consensus: Consensus;
  /** Follows the records of the same store. */
  readonly feed: AccessFeed;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly audit: AccountAudit;
}

/** Decides on changes. */
export class AccessLedger {
  readonly #parts: AccessLedgerParts;
  readonly #basis: Revision | undefined;
  readonly #insertions: InsertQueue;
  readonly #turns: Turns;

  /** Decides on what is stored, whatever that is. */
  constructor(parts: AccessLedgerParts, based?: {
    readonly basis: Revision;
    readonly insertions: InsertQueue;
    readonly turns: Turns;
  }) {
    this.#parts = parts;
    this.#basis = based?.basis;
    const head = { kind: "put", key: ACCESS_JOBS_HEAD_KEY, value: encodeJson({}) } as const;
    this.#insertions = based?.insertions ?? new InsertQueue({ ...parts, head });
    this.#turns = based?.turns ?? new Turns();
  }

  /** The same ledger for changes that stand on a basis, or on none. */
  since(basis: Revision | undefined): AccessLedger {
    if (basis === undefined) return this;
    const based = { basis, insertions: this.#insertions, turns: this.#turns };
    return new AccessLedger(this.#parts, based);
  }

  /** Wall time for new records, in milliseconds since the epoch. */
  nowMs(): number {
    return Math.floor(this.#parts.clock.nowMs());
  }

  /**
   * Looks at the records that are known here; at the newest ones when something is not found there.
   *
   * @throws what `look` throws, and as {@link read}
   */
  async look<T>(look: (view: MemoryAccessView) => T): Promise<T> {
    try {
      return look(this.#parts.feed.view);
    } catch (error) {
      if (!hasCode(error, "not-found")) throw error;
      return await this.read(look);
    }
  }

  /** Looks at the newest records. @throws `unavailable`, and what `look` throws */
  async read<T>(look: (view: MemoryAccessView) => T): Promise<T> {
    await this.#parts.feed.catchUp();
    return look(this.#parts.feed.view);
  }

  /**
   * Makes a change. `plan` is called with the newest records, more than once when others change them
   * at the same time; what it throws is thrown. The view here knows the change when this resolves. The
   * audit trail tells of `provenance`.
   *
   * @throws `unavailable` when the outcome is unknown or others are always first; `exhausted`
   * @throws `conflict` when somebody touched the same after the basis
   */
  change<T>(
    plan: (view: MemoryAccessView) => AccessPlan<T>,
    provenance?: Provenance,
  ): Promise<T> {
    return this.#turns.take(() => this.#decide(plan, provenance));
  }

  /**
   * Removes however many records, in steps. `plan` may throw.
   *
   * @throws as {@link change}
   */
  async removeAll(
    plan: (view: MemoryAccessView) => AccessRemoval,
    provenance?: Provenance,
  ): Promise<void> {
    for (let isDone = false; !isDone;) {
      isDone = await this.change((view) => {
        const { first, removed, last, gone = [] } = plan(view);
        const some = removed.slice(0, ACCESS_STEP_CHANGE_COUNT_MAX - first.length - last.length)
          .map((record) => ({ kind: "remove", key: recordKey(record) } as const));
        const outcome = some.length === removed.length;
        const recorded = outcome ? last : first;
        // What is put first is a step of this removal, which the same request may have made before.
        const own = first.map(keyOf);
        return {
          changes: [...some, ...recorded],
          recorded,
          touched: [...gone, ...last.map(keyOf).filter((key) => !own.includes(key))],
          gone: outcome ? [...last.map(keyOf), ...gone] : [],
          outcome,
        };
      }, provenance);
    }
  }

  /**
   * Adds a record that nothing else depends on, for as long as the one that it stands on is there:
   * beside all other changes. Tells whether it was added; not when it is there already, or the other
   * one is not.
   *
   * @throws `unavailable` when the outcome is unknown; `exhausted`
   */
  async insert(
    record: JobTokenRecord,
    options: { readonly standsOn: RecordKey; readonly provenance: Provenance | undefined },
  ): Promise<boolean> {
    const { view } = this.#parts.feed;
    const change = { kind: "put", record } as const;
    this.#checkRoom([change]);
    const key = storedKey(recordKey(record));
    const { succeeded, revision } = await this.#insertions.add({
      compares: [
        { key, target: "version", operator: "=", value: 0 },
        { key: storedKey(options.standsOn), target: "version", operator: ">", value: 0 },
      ],
      change: stored(change),
      act: actOf(change, { view, provenance: options.provenance }),
    });
    if (succeeded) await this.#known(revision);
    return succeeded;
  }

  async #decide<T>(
    plan: (view: MemoryAccessView) => AccessPlan<T>,
    provenance: Provenance | undefined,
  ): Promise<T> {
    const { feed } = this.#parts;
    let refusedHead: Revision | undefined;
    for (let round = 0; round < ROUND_COUNT_MAX; round++) {
      const head = await feed.catchUp();
      // Another change was heard of since the head was read: it is one step further on.
      if (feed.head !== head) continue;
      const decided = plan(feed.view);
      if (decided.changes.length === 0 && (decided.gone ?? []).length === 0) {
        return decided.outcome;
      }
      if (head === refusedHead) {
        // The head is what it was, so another condition did not hold. What was only to be marked is.
        if (decided.changes.length === 0) return decided.outcome;
        throw outOfDate(this.#basis!);
      }
      this.#checkRoom(decided.changes);
      const { succeeded, revision } = await this.#transact(decided, { head, provenance });
      if (!succeeded) {
        refusedHead = head;
        continue;
      }
      await this.#known(revision);
      return decided.outcome;
    }
    throw new GitStratumError("unavailable", "Meet too many others who change access records");
  }

  #transact(
    plan: AccessPlan<unknown>,
    options: { readonly head: Revision; readonly provenance: Provenance | undefined },
  ): Promise<TransactionResult> {
    const { consensus, feed: { view }, audit } = this.#parts;
    const { head, provenance } = options;
    const { changes, recorded = changes, touched = recorded.map(keyOf) } = plan;
    const removed = recorded.filter(({ kind }) => kind === "remove").map(keyOf);
    const { gone = removed } = plan;
    const guards = this.#basis === undefined
      ? []
      : untouchedSince(this.#basis, touched.map(storedKey));
    return consensus.transact({
      compares: [
        { key: ACCESS_HEAD_KEY, target: "modRevision", operator: "=", value: head },
        ...guards,
      ],
      then: [
        { kind: "put", key: ACCESS_HEAD_KEY, value: encodeJson({}) },
        ...changes.map(stored),
        ...removalMarks(gone.map(storedKey)),
        ...audit.changes(
          recorded.map((change) => actOf(change, { view, provenance }))
            .filter((act) => act !== undefined),
        ),
      ],
    });
  }

  /** The change is made; that it is known here only saves others from asking twice. */
  async #known(revision: number): Promise<void> {
    const { feed, logger } = this.#parts;
    try {
      await feed.reached(revision);
    } catch (error) {
      if (!hasCode(error, "unavailable")) throw error;
      logger.warn("Make a change of access records that is not heard of yet", { error });
    }
  }

  #checkRoom(changes: readonly AccessChange[]): void {
    assert(changes.length <= ACCESS_STEP_CHANGE_COUNT_MAX, "A step fits a transaction");
    const { view } = this.#parts.feed;
    const added =
      changes.filter((change) =>
        change.kind === "put" && view.get(recordKey(change.record)) === undefined
      ).length;
    if (added > 0 && view.recordCount + added > ACCESS_RECORD_COUNT_MAX) {
      throw new GitStratumError("exhausted", "Have no room for more access records", {
        data: { countMax: ACCESS_RECORD_COUNT_MAX },
      });
    }
  }
}

function keyOf(change: AccessChange): RecordKey {
  return change.kind === "put" ? recordKey(change.record) : change.key;
}

function stored(change: AccessChange): Change {
  if (change.kind === "remove") return { kind: "delete", key: storedKey(change.key) };
  const { record } = change;
  return { kind: "put", key: storedKey(recordKey(record)), value: encodeJson(record) };
}
