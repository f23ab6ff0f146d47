/**
 * Changes of access records, each decided on the newest ones.
 *
 * A change is planned on a view that has caught up, and holds only if no other change came in between:
 * the transaction compares the head. So every rule over several records (names, keys and hashes that
 * are unique, counts with a limit, somebody is left to administer) is a plain look at the view, and no
 * two control nodes can break it together. Within a process changes wait for each other. The entries of
 * the audit trail are put by the same transaction.
 *
 * @module
 */

import {
  ACCESS_QUEUE_COUNT_MAX,
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
import type { Change, Consensus } from "@gitstratum/core/consensus";
import type { Provenance } from "@gitstratum/core/rpc";
import type { AccountAudit } from "../audit/account_audit.ts";
import { encodeJson } from "../stored_json.ts";
import { actOf } from "./access_act.ts";
import {
  ACCESS_HEAD_KEY,
  ACCESS_JOBS_HEAD_KEY,
  type AccessFeed,
  storedKey,
} from "./access_feed.ts";
import { InsertQueue } from "./insert_queue.ts";

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
}

/** Decides on changes. */
export class AccessLedger {
  readonly #consensus: Consensus;
  readonly #feed: AccessFeed;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #audit: AccountAudit;
  readonly #insertions: InsertQueue;
  #last: Promise<unknown> = Promise.resolve();
  #waitingCount = 0;

  /** Decides on the records that `feed` follows in the same store. */
  constructor(options: {
    readonly consensus: Consensus;
    readonly feed: AccessFeed;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly audit: AccountAudit;
  }) {
    this.#consensus = options.consensus;
    this.#feed = options.feed;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#audit = options.audit;
    const head = { kind: "put", key: ACCESS_JOBS_HEAD_KEY, value: encodeJson({}) } as const;
    this.#insertions = new InsertQueue({ ...options, head });
  }

  /** Wall time for new records, in milliseconds since the epoch. */
  nowMs(): number {
    return Math.floor(this.#clock.nowMs());
  }

  /**
   * Looks at the records that are known here; at the newest ones when something is not found there.
   *
   * @throws what `look` throws, and as {@link read}
   */
  async look<T>(look: (view: MemoryAccessView) => T): Promise<T> {
    try {
      return look(this.#feed.view);
    } catch (error) {
      if (!hasCode(error, "not-found")) throw error;
      return await this.read(look);
    }
  }

  /** Looks at the newest records. @throws `unavailable`, and what `look` throws */
  async read<T>(look: (view: MemoryAccessView) => T): Promise<T> {
    await this.#feed.catchUp();
    return look(this.#feed.view);
  }

  /**
   * Makes a change. `plan` is called with the newest records, more than once when others change them
   * at the same time; what it throws is thrown. The view here knows the change when this resolves. The
   * audit trail tells of `provenance`.
   *
   * @throws `unavailable` when the outcome is unknown or others are always first; `exhausted`
   */
  change<T>(
    plan: (view: MemoryAccessView) => AccessPlan<T>,
    provenance?: Provenance,
  ): Promise<T> {
    if (this.#waitingCount >= ACCESS_QUEUE_COUNT_MAX) {
      throw new GitStratumError("unavailable", "Have too many changes of access records waiting", {
        data: { countMax: ACCESS_QUEUE_COUNT_MAX },
      });
    }
    this.#waitingCount++;
    const turn = this.#last.then(() => this.#decide(plan, provenance)).finally(() =>
      this.#waitingCount--
    );
    // Whoever comes next does not care how this one ended; its caller hears it.
    this.#last = turn.catch(() => {});
    return turn;
  }

  /**
   * Removes however many records, in steps; `last` come with the last step. `first` is planned with
   * each: it may throw, and it may change what keeps others from adding to what is removed.
   */
  async removeAll(
    plan: (view: MemoryAccessView) => {
      readonly first: readonly AccessChange[];
      readonly removed: readonly AccessRecord[];
      readonly last: readonly AccessChange[];
    },
    provenance?: Provenance,
  ): Promise<void> {
    for (let isDone = false; !isDone;) {
      isDone = await this.change((view) => {
        const { first, removed, last } = plan(view);
        const some = removed.slice(0, ACCESS_STEP_CHANGE_COUNT_MAX - first.length - last.length)
          .map((record) => ({ kind: "remove", key: recordKey(record) } as const));
        const outcome = some.length === removed.length;
        const recorded = outcome ? last : first;
        return { changes: [...some, ...recorded], recorded, outcome };
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
    const { view } = this.#feed;
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
    const { view } = this.#feed;
    for (let round = 0; round < ROUND_COUNT_MAX; round++) {
      const head = await this.#feed.catchUp();
      // Another change was heard of since the head was read: it is one step further on.
      if (this.#feed.head !== head) continue;
      const { changes, outcome, recorded = changes } = plan(view);
      if (changes.length === 0) return outcome;
      this.#checkRoom(changes);
      const { succeeded, revision } = await this.#consensus.transact({
        compares: [{ key: ACCESS_HEAD_KEY, target: "modRevision", operator: "=", value: head }],
        then: [
          { kind: "put", key: ACCESS_HEAD_KEY, value: encodeJson({}) },
          ...changes.map(stored),
          ...this.#audit.changes(
            recorded.map((change) => actOf(change, { view, provenance }))
              .filter((act) => act !== undefined),
          ),
        ],
      });
      if (!succeeded) continue;
      await this.#known(revision);
      return outcome;
    }
    throw new GitStratumError("unavailable", "Meet too many others who change access records");
  }

  /** The change is made; that it is known here only saves others from asking twice. */
  async #known(revision: number): Promise<void> {
    try {
      await this.#feed.reached(revision);
    } catch (error) {
      if (!hasCode(error, "unavailable")) throw error;
      this.#logger.warn("Make a change of access records that is not heard of yet", { error });
    }
  }

  #checkRoom(changes: readonly AccessChange[]): void {
    assert(changes.length <= ACCESS_STEP_CHANGE_COUNT_MAX, "A step fits a transaction");
    const { view } = this.#feed;
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

function stored(change: AccessChange): Change {
  if (change.kind === "remove") return { kind: "delete", key: storedKey(change.key) };
  const { record } = change;
  return { kind: "put", key: storedKey(recordKey(record)), value: encodeJson(record) };
}
