/**
 * The access records as the consensus store has them: read once, then followed by watch.
 *
 * | key | value |
 * | --- | --- |
 * | `access/records/KIND/…` | a record (`recordKey()`), in JSON |
 * | `access/head` | nothing; every change of records writes it in the same transaction, |
 * | `access/head-jobs` | or this one, when tokens of jobs are all that it touches |
 *
 * The greater revision of the two numbers the states of all records, alike at every control node.
 * Whoever has read them, and then waited until the feed reached it, knows the newest state:
 * {@link AccessFeed.catchUp}.
 *
 * Invariant: the view holds all records of one revision. A stored record of an unknown shape (a later
 * release wrote it) is passed over: records only ever permit something.
 *
 * @module
 */

import {
  ACCESS_HISTORY_COUNT_MAX,
  type Clock,
  GitStratumError,
  hasCode,
  type Logger,
} from "@gitstratum/core";
import {
  type AccessChange,
  type AccessRecord,
  MemoryAccessView,
  RecordIndex,
  type RecordKey,
  recordKey,
} from "@gitstratum/core/access";
import {
  type Consensus,
  type KeyRange,
  type KeyValue,
  prefixRange,
  type Revision,
  type WatchEvent,
} from "@gitstratum/core/consensus";
import { readRecord } from "@gitstratum/core/rpc/access";
import { FollowedKeys } from "../followed_keys.ts";
import { encodeJson } from "../stored_json.ts";

/** Written by every change of records that others may depend on. */
export const ACCESS_HEAD_KEY = "access/head";
/** Written by changes of tokens of jobs alone. */
export const ACCESS_JOBS_HEAD_KEY = "access/head-jobs";
/** Both of them. */
const HEADS: KeyRange = { from: ACCESS_HEAD_KEY, to: `${ACCESS_HEAD_KEY}.` };
const PREFIX = "access/";
const RECORDS_PREFIX = "access/records/";

/** Time before a watch that failed is begun again, in milliseconds. */
const RETRY_MS = 500;
/** A watch that is so late has failed, in milliseconds: callers give a control node 2 s. */
const CATCH_UP_MS_MAX = 1500;

/** A watch that is late is taken for one that hangs, this often at most, in milliseconds. */
const RENEW_MS = 10_000;
/** Stored records that are read without letting others work. */
const READ_SLICE_COUNT = 256;

/** The way from one revision to the next one. */
export interface AccessStep {
  /** The revision before. */
  readonly from: Revision;
  /** The revision that it leads to. */
  readonly revision: Revision;
  /** What changed. */
  readonly changes: readonly AccessChange[];
}

/** Where a record is stored, or what else has such a key for its mark when it is gone. */
export function storedKey(key: string): string {
  return RECORDS_PREFIX + key;
}

/** Follows the stored records. */
export class AccessFeed {
  /** What is known here. */
  readonly view: MemoryAccessView = new MemoryAccessView();
  readonly #consensus: Consensus;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #keys: FollowedKeys;
  #steps: AccessStep[] = [];
  #stepChangeCount = 0;
  /** How often all records were read. */
  #copyCount = 0;
  #head: Revision = 0;
  #renewedAtMs = -Infinity;
  #confirming: Promise<Revision> | undefined;

  /** Makes a feed that knows nothing yet. */
  constructor(options: {
    readonly consensus: Consensus;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#consensus = options.consensus;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#keys = new FollowedKeys({
      ...options,
      range: prefixRange(PREFIX),
      what: "access records",
      retryMs: RETRY_MS,
      read: () => this.#read(),
      take: (events) => this.#take(events),
    });
  }

  /** The revision of `access/head` that the view knows. */
  get head(): Revision {
    return this.#head;
  }

  /** Reads all records, then follows them until {@link AccessFeed.close}. */
  async open(): Promise<void> {
    await this.#consensus.transact({
      compares: [{ key: ACCESS_HEAD_KEY, target: "version", operator: "=", value: 0 }],
      then: [{ kind: "put", key: ACCESS_HEAD_KEY, value: encodeJson({}) }],
    });
    await this.#keys.open();
  }

  /**
   * Resolves once the view knows all that was decided before, with the newest revision of
   * `access/head`.
   *
   * @throws `unavailable` when the store does not answer, or its watch is too late
   */
  async catchUp(): Promise<Revision> {
    const known = this.view.revision;
    const { entries } = await this.#consensus.range(HEADS);
    const revision = newest(entries);
    if (revision < known) {
      this.#logger.warn("Find the access records put back to an earlier state", {
        known,
        found: revision,
      });
      const copyCount = this.#copyCount;
      this.#keys.renew();
      await this.#until(() => this.#copyCount > copyCount);
    } else await this.reached(revision);
    return entries.find(({ key }) => key === ACCESS_HEAD_KEY)?.modRevision ?? 0;
  }

  /** A revision that all changes have which were acknowledged before. @throws `unavailable` */
  async basis(): Promise<Revision> {
    return (await this.#consensus.range(HEADS)).revision;
  }

  /** As {@link AccessFeed.catchUp}, for many who ask at a time. @throws as it does */
  confirm(): Promise<Revision> {
    return this.#confirming ??= this.catchUp().finally(() => this.#confirming = undefined);
  }

  /** Resolves once the view knows a revision. @throws `unavailable` when that takes too long */
  async reached(revision: Revision): Promise<void> {
    await this.#until(() => this.view.revision >= revision);
  }

  async #until(holds: () => boolean): Promise<void> {
    if (holds()) return;
    const end = new AbortController();
    const signal = AbortSignal.any([end.signal, this.#keys.stopped]);
    const late = this.#clock.sleep(CATCH_UP_MS_MAX, signal).then(() => end.abort(), () => {});
    try {
      while (!holds()) await this.view.changed(this.view.revision, signal);
    } catch (cause) {
      if (!hasCode(cause, "aborted")) throw cause;
      this.#renew();
      throw new GitStratumError("unavailable", "Wait no longer for the newest access records", {
        data: { known: this.view.revision },
        cause,
      });
    } finally {
      end.abort();
      await late;
    }
  }

  /** Reads everything again, unless that was done a moment ago: the watch may hang. */
  #renew(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#renewedAtMs < RENEW_MS) return;
    this.#renewedAtMs = nowMs;
    this.#keys.renew();
  }

  /**
   * The steps that lead on from a revision, with at most `changeCountMax` changes in all but one at
   * least; undefined when only a copy of all records leads on.
   */
  stepsAfter(
    revision: Revision,
    options: { readonly changeCountMax: number },
  ): readonly AccessStep[] | undefined {
    const steps: AccessStep[] = [];
    if (revision === this.view.revision) return steps;
    const first = this.#steps.findIndex(({ from }) => from === revision);
    if (first < 0) return undefined;
    let count = 0;
    for (const step of this.#steps.slice(first)) {
      count += step.changes.length;
      if (steps.length > 0 && count > options.changeCountMax) break;
      steps.push(step);
    }
    return steps;
  }

  /** Stops following. */
  async close(): Promise<void> {
    await this.#keys.close();
  }

  /** Reads everything; the revision from which on to watch. */
  async #read(): Promise<Revision> {
    const { entries, revision } = await this.#consensus.range(prefixRange(PREFIX));
    const heads = entries.filter(({ key }) => !key.startsWith(RECORDS_PREFIX));
    const index = new RecordIndex();
    for (const [at, { key, value }] of entries.entries()) {
      if (at % READ_SLICE_COUNT === READ_SLICE_COUNT - 1) await nextTurn();
      const record = key.startsWith(RECORDS_PREFIX) ? this.#decode(key, value) : undefined;
      if (record !== undefined) index.put(record);
    }
    // No way is known from what was told before to this.
    this.#steps = [];
    this.#stepChangeCount = 0;
    this.#copyCount++;
    this.#head = heads.find(({ key }) => key === ACCESS_HEAD_KEY)?.modRevision ?? 0;
    if (newest(heads) !== this.view.revision) this.view.replace(index, newest(heads));
    return revision;
  }

  /** Takes a batch of whole revisions. */
  #take(events: readonly WatchEvent[]): void {
    const byRevision = new Map<Revision, AccessChange[]>();
    for (const event of events) {
      const changes = byRevision.get(event.revision) ?? [];
      byRevision.set(event.revision, changes);
      if (event.key.startsWith(RECORDS_PREFIX)) changes.push(this.#changeOf(event));
    }
    for (const [revision, changes] of [...byRevision].sort(([a], [b]) => a - b)) {
      this.#step({ from: this.view.revision, revision, changes });
    }
    for (const { key, revision } of events) {
      if (key === ACCESS_HEAD_KEY) this.#head = Math.max(this.#head, revision);
    }
  }

  #step(step: AccessStep): void {
    // Heard of already, when everything was read meanwhile.
    if (step.revision <= step.from) return;
    this.#steps.push(step);
    this.#stepChangeCount += step.changes.length + 1;
    while (this.#stepChangeCount > ACCESS_HISTORY_COUNT_MAX) {
      this.#stepChangeCount -= this.#steps.shift()!.changes.length + 1;
    }
    this.view.apply(step.changes, step.revision);
  }

  #changeOf({ key, value }: WatchEvent): AccessChange {
    const record = value === undefined ? undefined : this.#decode(key, value);
    if (record !== undefined) return { kind: "put", record };
    return { kind: "remove", key: key.slice(RECORDS_PREFIX.length) as RecordKey };
  }

  #decode(key: string, value: Uint8Array): AccessRecord | undefined {
    const record = readRecord(parseJson(value));
    if (record !== undefined && storedKey(recordKey(record)) === key) return record;
    this.#logger.error("Pass over a stored access record of another shape", { key });
    return undefined;
  }
}

/** The newest revision at which one of them was written. */
function newest(entries: readonly KeyValue[]): Revision {
  return Math.max(0, ...entries.map(({ modRevision }) => modRevision));
}

/** Lets everything else work that waits. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A stored value; undefined for what is no JSON, which the caller reports. */
function parseJson(value: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(value));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
