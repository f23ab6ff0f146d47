/**
 * The partition logs over any consensus store. Keys and values: `docs/formats/log.md`.
 *
 * Invariants:
 * - The head's value is canonical, so an append compares it with what the caller expects, writes the
 *   entries and the new head in ONE transaction, and needs no read before.
 * - Entries `truncated < lsn <= head.lsn` exist, without gaps. An entry never changes.
 * - An older primary's append fails its comparison from the moment a fence is decided.
 *
 * Faults are the store's: an append that rejected with `unavailable` may have happened.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { GitStratumError, hasCode } from "../error.ts";
import { LOG_APPEND_BYTES_MAX, LOG_APPEND_ENTRY_COUNT_MAX } from "../limits.ts";
import { type Change, type Consensus, prefixRange } from "./consensus.ts";
import type { Epoch, Log, LogEntry, LogHead, Lsn, Partition } from "./log.ts";
import {
  decodeHead,
  decodeLogEntry,
  decodeTruncation,
  encodeHead,
  encodeLogEntry,
  encodeTruncation,
  entryKey,
  entryRange,
  headKey,
  LOG_PREFIX,
  markRange,
  truncationKey,
} from "./log_format.ts";
import { SharedWatch } from "./shared_watch.ts";

/** Entries that a watcher reads at once while it catches up: at most 1.4 MB each. */
const WATCH_PAGE_COUNT = 16;
/** Entries deleted by one transaction of a truncation: each delete is one event to watchers. */
const TRUNCATION_STEP_COUNT = 512;
/** Rounds of a fence or truncation against appends that keep moving the head. */
const CONTENTION_ROUND_COUNT_MAX = 100;

/** {@link Log} over {@link Consensus}. */
export class ConsensusLog implements Log {
  readonly #consensus: Consensus;
  /** All logs are watched at once, whichever of them are followed. */
  readonly #tail: SharedWatch;

  /** Uses the keys `log/…` of a store; the store stays its owner's to close. */
  constructor(consensus: Consensus) {
    this.#consensus = consensus;
    this.#tail = new SharedWatch(consensus, prefixRange(LOG_PREFIX));
  }

  /** The current end of a partition's log. */
  async head(partition: Partition): Promise<LogHead> {
    return (await this.#readHead(partition)).head;
  }

  /** Opens a new term; see {@link Log.fence}. */
  async fence(partition: Partition, epoch: Epoch): Promise<LogHead> {
    assert(Number.isSafeInteger(epoch) && epoch > 0, "A primary's epoch is a positive integer");
    for (let round = 0; round < CONTENTION_ROUND_COUNT_MAX; round++) {
      const { head, modRevision } = await this.#readHead(partition);
      if (head.epoch >= epoch) {
        throw new GitStratumError("conflict", "Fence with a newer epoch than the log's", {
          data: { partition, wanted: epoch, found: head.epoch },
        });
      }
      const next = { ...head, epoch };
      const { succeeded } = await this.#consensus.transact({
        compares: [{
          key: headKey(partition),
          target: "modRevision",
          operator: "=",
          value: modRevision,
        }],
        then: [{ kind: "put", key: headKey(partition), value: encodeHead(next) }],
      });
      if (succeeded) return next;
    }
    throw contended(partition);
  }

  /** Appends entries in one transaction; see {@link Log.append}. */
  async append(
    partition: Partition,
    options: {
      readonly epoch: Epoch;
      readonly expectedLsn: Lsn;
      readonly payloads: readonly Uint8Array[];
    },
  ): Promise<Lsn> {
    const { epoch, expectedLsn, payloads } = options;
    checkAppend(epoch, payloads);
    const lsn = (expectedLsn + payloads.length) as Lsn;
    const then: Change[] = payloads.map((payload, index) => {
      const key = entryKey(partition, (expectedLsn + 1 + index) as Lsn);
      return { kind: "put", key, value: encodeLogEntry(key, { epoch, payload }) };
    });
    then.push({ kind: "put", key: headKey(partition), value: encodeHead({ epoch, lsn }) });
    const { succeeded } = await this.#consensus.transact({
      compares: [{
        key: headKey(partition),
        target: "value",
        operator: "=",
        value: encodeHead({ epoch, lsn: expectedLsn }),
      }],
      then,
    });
    if (succeeded) return lsn;
    throw new GitStratumError("conflict", "Append only to the log's end in its own epoch", {
      data: { partition, epoch, expectedLsn },
    });
  }

  /** Entries after an lsn; see {@link Log.read}. */
  async read(partition: Partition, after: Lsn, limit: number): Promise<readonly LogEntry[]> {
    return (await this.#readPage(partition, after, limit)).entries;
  }

  /** Entries after an lsn, then new ones; see {@link Log.watch}. */
  async *watch(
    partition: Partition,
    after: Lsn,
    signal: AbortSignal,
  ): AsyncIterable<readonly LogEntry[]> {
    let position = after;
    while (!signal.aborted) {
      const page = await this.#readPage(partition, position, WATCH_PAGE_COUNT);
      position = page.entries.at(-1)?.lsn ?? position;
      if (page.entries.length > 0) yield page.entries;
      if (page.more) continue;
      try {
        for await (const entries of this.#follow(partition, position, page.revision, signal)) {
          position = entries.at(-1)!.lsn;
          yield entries;
        }
        return;
      } catch (error) {
        // The store's history was cut before it was read here: the entries themselves are kept.
        if (!hasCode(error, "not-found")) throw error;
      }
    }
  }

  /** Forgets entries up to an lsn; see {@link Log.truncate}. */
  async truncate(partition: Partition, upTo: Lsn): Promise<void> {
    for (let round = 0; round < CONTENTION_ROUND_COUNT_MAX;) {
      const { head } = await this.#readHead(partition);
      if (upTo > head.lsn) {
        throw new GitStratumError("invalid", "Truncate only what was appended", {
          data: { partition, wanted: upTo, last: head.lsn },
        });
      }
      if (upTo <= head.truncated) return;
      const step = Math.min(upTo, head.truncated + TRUNCATION_STEP_COUNT) as Lsn;
      if (!await this.#truncateStep(partition, head.truncated, step)) round++;
    }
    throw contended(partition);
  }

  /** Moves the truncation mark and deletes what is before it, together. */
  async #truncateStep(partition: Partition, from: Lsn, upTo: Lsn): Promise<boolean> {
    const key = truncationKey(partition);
    const { succeeded } = await this.#consensus.transact({
      compares: [
        from === 0
          ? { key, target: "version", operator: "=", value: 0 }
          : { key, target: "value", operator: "=", value: encodeTruncation(from) },
      ],
      then: [
        { kind: "put", key, value: encodeTruncation(upTo) },
        { kind: "deleteRange", from: entryKey(partition, 0 as Lsn), to: afterKey(partition, upTo) },
      ],
    });
    return succeeded;
  }

  async #readHead(partition: Partition): Promise<{ head: LogHead; modRevision: number }> {
    const { entries } = await this.#consensus.range(markRange(partition));
    const found = entries.find(({ key }) => key === headKey(partition));
    const mark = entries.find(({ key }) => key === truncationKey(partition));
    const end = found ? decodeHead(found) : { epoch: 0 as Epoch, lsn: 0 as Lsn };
    const truncated = mark ? decodeTruncation(mark) : 0 as Lsn;
    return { head: { ...end, truncated }, modRevision: found?.modRevision ?? 0 };
  }

  /** Entries after an lsn, checked to be without a gap, and the revision they were read at. */
  async #readPage(
    partition: Partition,
    after: Lsn,
    limit: number,
  ): Promise<{ entries: LogEntry[]; more: boolean; revision: number }> {
    const range = { from: afterKey(partition, after), to: entryRange(partition).to };
    const found = await this.#consensus.range(range, { limit });
    const entries = found.entries.map(decodeLogEntry);
    const complete = isContiguous(entries, after) &&
      (entries.length > 0 || await this.#isNotTruncated(partition, after));
    if (!complete) await this.#explainGap(partition, after);
    return { entries, more: found.more, revision: found.revision };
  }

  async #isNotTruncated(partition: Partition, after: Lsn): Promise<boolean> {
    const mark = await this.#consensus.get(truncationKey(partition));
    return mark === undefined || decodeTruncation(mark) <= after;
  }

  async #explainGap(partition: Partition, after: Lsn): Promise<never> {
    const { head } = await this.#readHead(partition);
    if (head.truncated > after) {
      throw new GitStratumError("not-found", "Read from an lsn that is not truncated", {
        data: { partition, after, truncated: head.truncated },
      });
    }
    throw new GitStratumError("corrupt", "Miss an entry of the log", {
      data: { partition, after, last: head.lsn },
    });
  }

  /** New entries after a revision at which `after` was the last lsn. */
  async *#follow(
    partition: Partition,
    after: Lsn,
    revision: number,
    signal: AbortSignal,
  ): AsyncGenerator<LogEntry[]> {
    let position = after;
    const events = this.#tail.watch(entryRange(partition), { after: revision, signal });
    for await (const batch of events) {
      const entries: LogEntry[] = [];
      for (const event of batch) {
        if (event.value === undefined) continue;
        entries.push(decodeLogEntry({ key: event.key, value: event.value }));
      }
      entries.sort((a, b) => a.lsn - b.lsn);
      if (entries.length === 0) continue;
      if (!isContiguous(entries, position)) await this.#explainGap(partition, position);
      position = entries.at(-1)!.lsn;
      yield entries;
    }
  }
}

function isContiguous(entries: readonly LogEntry[], after: Lsn): boolean {
  return entries.every((entry, index) => entry.lsn === after + 1 + index);
}

function afterKey(partition: Partition, lsn: Lsn): string {
  return entryKey(partition, (lsn + 1) as Lsn);
}

function checkAppend(epoch: Epoch, payloads: readonly Uint8Array[]): void {
  assert(Number.isSafeInteger(epoch) && epoch > 0, "A primary's epoch is a positive integer");
  assert(payloads.length > 0, "An append has entries");
  const bytes = payloads.reduce((sum, payload) => sum + payload.length, 0);
  if (payloads.length <= LOG_APPEND_ENTRY_COUNT_MAX && bytes <= LOG_APPEND_BYTES_MAX) return;
  throw new GitStratumError("invalid", "Expect a smaller append", {
    data: {
      wantedBytes: LOG_APPEND_BYTES_MAX,
      foundBytes: bytes,
      wantedEntries: LOG_APPEND_ENTRY_COUNT_MAX,
      foundEntries: payloads.length,
    },
  });
}

function contended(partition: Partition): GitStratumError {
  return new GitStratumError("unavailable", "Lose every race for the log's head", {
    data: { partition },
  });
}
