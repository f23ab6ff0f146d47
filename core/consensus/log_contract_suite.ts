/**
 * The contract of {@link Log} as tests: run for a log over every consensus backend.
 *
 * @module
 */

import assert from "node:assert/strict";
import { hasCode } from "../error.ts";
import { LOG_APPEND_BYTES_MAX, LOG_APPEND_ENTRY_COUNT_MAX } from "../limits.ts";
import type { Epoch, Log, LogEntry, Lsn, Partition } from "./log.ts";

/** One log under test. */
export interface LogHarness {
  /** The logs. */
  readonly log: Log;
  /** Cuts the history that watches read, as far as the backend has one. */
  forgetHistory(): Promise<void>;
  /** Closes and removes everything. */
  dispose(): Promise<void>;
}

/** Makes empty logs for each test. */
export type LogFactory = () => Promise<LogHarness>;

type Case = (harness: LogHarness) => Promise<void>;

/** Registers the whole contract for one backend. */
export function registerLogContract(backend: string, factory: LogFactory): void {
  for (const [behaviour, run] of Object.entries(CASES)) {
    Deno.test(`${backend} ${behaviour}`, async () => {
      const harness = await factory();
      try {
        await run(harness);
      } finally {
        await harness.dispose();
      }
    });
  }
}

const P = 7 as Partition;
const E1 = 1 as Epoch;
const E2 = 2 as Epoch;
const at = (lsn: number) => lsn as Lsn;

async function append(
  log: Log,
  expectedLsn: number,
  ...payloads: (string | Uint8Array)[]
): Promise<Lsn> {
  const bytes = payloads.map((p) => typeof p === "string" ? new TextEncoder().encode(p) : p);
  return await log.append(P, { epoch: E1, expectedLsn: at(expectedLsn), payloads: bytes });
}

function show(entries: readonly LogEntry[]): string[] {
  return entries.map(({ lsn, epoch, payload }) =>
    `${lsn}@${epoch} ${new TextDecoder().decode(payload)}`
  );
}

/** Watches until the entry `last` came. */
async function follow(log: Log, after: number, last: number): Promise<LogEntry[]> {
  const controller = new AbortController();
  const seen: LogEntry[] = [];
  for await (const entries of log.watch(P, at(after), controller.signal)) {
    seen.push(...entries);
    if (seen.at(-1)!.lsn >= last) controller.abort();
  }
  return seen;
}

const appendCases: Record<string, Case> = {
  "head() of an untouched partition is all zero": async ({ log }) => {
    assert.deepEqual(await log.head(P), { epoch: 0, lsn: 0, truncated: 0 });
  },

  "append() numbers entries from 1 and moves the head": async ({ log }) => {
    assert.deepEqual(await log.fence(P, E1), { epoch: 1, lsn: 0, truncated: 0 });
    assert.equal(await append(log, 0, "a"), 1);
    assert.equal(await append(log, 1, "b", "c"), 3);
    assert.deepEqual(await log.head(P), { epoch: 1, lsn: 3, truncated: 0 });
    assert.deepEqual(show(await log.read(P, at(0), 10)), ["1@1 a", "2@1 b", "3@1 c"]);
  },

  "append() refuses a wrong lsn, a wrong epoch, and a log without a term": async ({ log }) => {
    const refused = (error: unknown) => hasCode(error, "conflict");
    await assert.rejects(() => append(log, 0, "a"), refused);
    await log.fence(P, E1);
    await append(log, 0, "a");
    await assert.rejects(() => append(log, 0, "b"), refused);
    await assert.rejects(() => append(log, 2, "b"), refused);
    const newer = { epoch: E2, expectedLsn: at(1), payloads: [new Uint8Array(1)] };
    await assert.rejects(() => log.append(P, newer), refused);
    assert.deepEqual(show(await log.read(P, at(0), 10)), ["1@1 a"]);
  },

  "append() of an old primary fails after a fence": async ({ log }) => {
    await log.fence(P, E1);
    await append(log, 0, "a");
    assert.deepEqual(await log.fence(P, E2), { epoch: 2, lsn: 1, truncated: 0 });
    await assert.rejects(() => append(log, 1, "b"), (error) => hasCode(error, "conflict"));
    const payloads = [new TextEncoder().encode("c")];
    await log.append(P, { epoch: E2, expectedLsn: at(1), payloads });
    assert.deepEqual(show(await log.read(P, at(0), 10)), ["1@1 a", "2@2 c"]);
  },

  "append() lets exactly one of racing appends have each lsn": async ({ log }) => {
    await log.fence(P, E1);
    const won: string[] = [];
    await Promise.all(Array.from({ length: 8 }, async (_, racer) => {
      for (let turn = 0; turn < 10; turn++) {
        const payload = `${racer}/${turn}`;
        const { lsn } = await log.head(P);
        try {
          won[await append(log, lsn, payload) - 1] = payload;
        } catch (error) {
          assert.ok(hasCode(error, "conflict"));
        }
      }
    }));
    const entries = await log.read(P, at(0), 1000);
    assert.deepEqual(show(entries), won.map((payload, index) => `${index + 1}@1 ${payload}`));
    assert.equal((await log.head(P)).lsn, won.length);
  },

  "append() takes the largest append and refuses a larger one": async ({ log }) => {
    await log.fence(P, E1);
    const largest = new Uint8Array(LOG_APPEND_BYTES_MAX).fill(1);
    assert.equal(await append(log, 0, largest), 1);
    const many = Array.from({ length: LOG_APPEND_ENTRY_COUNT_MAX }, (_, i) => `${i}`);
    assert.equal(await append(log, 1, ...many), 1 + many.length);
    const full = Array.from(
      { length: LOG_APPEND_ENTRY_COUNT_MAX },
      () => new Uint8Array(Math.floor(LOG_APPEND_BYTES_MAX / LOG_APPEND_ENTRY_COUNT_MAX)),
    );
    const lsn = await append(log, 1 + many.length, ...full);
    const refused = (error: unknown) => hasCode(error, "invalid");
    await assert.rejects(() => append(log, lsn, new Uint8Array(LOG_APPEND_BYTES_MAX + 1)), refused);
    await assert.rejects(() => append(log, lsn, ...many, "more"), refused);
    assert.deepEqual((await log.read(P, at(0), 1))[0]?.payload, largest);
  },

  "append() keeps partitions apart": async ({ log }) => {
    for (const partition of [7, 70, 77] as Partition[]) {
      await log.fence(partition, E1);
      const payloads = [new TextEncoder().encode(`of ${partition}`)];
      await log.append(partition, { epoch: E1, expectedLsn: at(0), payloads });
    }
    assert.deepEqual(show(await log.read(P, at(0), 10)), ["1@1 of 7"]);
    assert.deepEqual(await log.head(70 as Partition), { epoch: 1, lsn: 1, truncated: 0 });
  },

  "fence() refuses an epoch that is not newer; of racing fences one wins": async ({ log }) => {
    await log.fence(P, E2);
    for (const epoch of [E1, E2]) {
      await assert.rejects(() => log.fence(P, epoch), (error) => hasCode(error, "conflict"));
    }
    const next = 3 as Epoch;
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => log.fence(P, next)));
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  },
};

const readCases: Record<string, Case> = {
  "read() starts after an lsn and stops at the limit": async ({ log }) => {
    await log.fence(P, E1);
    await append(log, 0, ..."abcdefghijklmnopqrst");
    assert.deepEqual(show(await log.read(P, at(15), 3)), ["16@1 p", "17@1 q", "18@1 r"]);
    assert.deepEqual(show(await log.read(P, at(20), 3)), []);
  },

  "watch() yields every entry once, in order, old ones and new ones": async ({ log }) => {
    await log.fence(P, E1);
    for (let lsn = 0; lsn < 40; lsn++) await append(log, lsn, `${lsn}`);
    const followed = follow(log, 10, 80);
    for (let lsn = 40; lsn < 80; lsn += 2) await append(log, lsn, `${lsn}`, `${lsn + 1}`);
    const lsns = (await followed).map(({ lsn }) => lsn);
    assert.deepEqual(lsns, Array.from({ length: 70 }, (_, index) => 11 + index));
  },

  "watch() survives a cut of the backend's history": async ({ log, forgetHistory }) => {
    await log.fence(P, E1);
    await append(log, 0, "a", "b");
    const watch = log.watch(P, at(0), AbortSignal.timeout(10_000))[Symbol.asyncIterator]();
    assert.deepEqual(show((await watch.next()).value), ["1@1 a", "2@1 b"]);
    await append(log, 2, "c");
    await forgetHistory();
    assert.deepEqual(show((await watch.next()).value), ["3@1 c"]);
    await append(log, 3, "d");
    assert.deepEqual(show((await watch.next()).value), ["4@1 d"]);
    await watch.return?.();
  },

  "truncate() forgets entries, tells readers, and leaves the head": async ({ log }) => {
    await log.fence(P, E1);
    await append(log, 0, ..."abcde");
    await log.truncate(P, at(3));
    assert.deepEqual(await log.head(P), { epoch: 1, lsn: 5, truncated: 3 });
    assert.deepEqual(show(await log.read(P, at(3), 10)), ["4@1 d", "5@1 e"]);
    const gone = (error: unknown) => hasCode(error, "not-found");
    await assert.rejects(() => log.read(P, at(2), 10), gone);
    await assert.rejects(() => follow(log, 0, 5), gone);
    await log.truncate(P, at(2));
    await log.truncate(P, at(5));
    await assert.rejects(() => log.read(P, at(4), 10), gone);
    assert.deepEqual(await log.read(P, at(5), 10), []);
    assert.equal(await append(log, 5, "f"), 6);
    assert.deepEqual(show(await log.read(P, at(5), 10)), ["6@1 f"]);
  },

  "truncate() refuses what was never appended": async ({ log }) => {
    await log.fence(P, E1);
    await append(log, 0, "a");
    await assert.rejects(() => log.truncate(P, at(2)), (error) => hasCode(error, "invalid"));
  },

  "truncate() of a long log keeps appends and watchers going": async ({ log }) => {
    await log.fence(P, E1);
    const batch = Array.from({ length: 100 }, (_, index) => `${index}`);
    for (let lsn = 0; lsn < 1500; lsn += 100) await append(log, lsn, ...batch);
    const followed = follow(log, 1500, 1600);
    await Promise.all([log.truncate(P, at(1500)), append(log, 1500, ...batch)]);
    assert.equal((await followed).length, 100);
    assert.deepEqual(await log.head(P), { epoch: 1, lsn: 1600, truncated: 1500 });
  },
};

const CASES: Record<string, Case> = { ...appendCases, ...readCases };
