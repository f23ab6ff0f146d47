/**
 * A model of the store is driven with random operations over a disk that fails at a random moment: it
 * loses power, the process is killed, or a sync fails. The store is opened on what is left and compared
 * with the model. Each seed is one history.
 */

import { deepEqual, equal, fail } from "node:assert/strict";
import { GitStratumError, hasCode, ManualClock, SeededRandom } from "@gitstratum/core";
import { MemoryDisk, PowerLoss } from "@gitstratum/core/disk";
import { SegmentStore } from "./segment_store.ts";

const SEED_COUNT = Number(Deno.env.get("GITSTRATUM_CRASH_SEEDS") ?? 60);
const KEY_COUNT = 12;
const SEGMENT_BYTES = 20_000;

type Content = Uint8Array<ArrayBuffer>;

/** What a key may hold: what was resolved last, and what was tried since. */
interface Expectation {
  /** Undefined: absent. */
  readonly possible: Set<Content | undefined>;
}

class Model {
  readonly #keys = new Map<string, Expectation>();

  resolved(key: string, content: Content | undefined): void {
    this.#keys.set(key, { possible: new Set([content]) });
  }

  attempted(key: string, content: Content | undefined): void {
    this.#possible(key).add(content);
  }

  current(key: string): Content | undefined {
    return [...this.#possible(key)][0];
  }

  #possible(key: string): Set<Content | undefined> {
    let found = this.#keys.get(key);
    if (found === undefined) {
      found = { possible: new Set([undefined]) };
      this.#keys.set(key, found);
    }
    return found.possible;
  }

  /** Compares, and settles on what was found: a crash decides every open question. */
  check(store: SegmentStore): void {
    for (const key of keys()) {
      const found = store.stat(key) === undefined ? undefined : store.read(key);
      const match = [...this.#possible(key)].find((content) => same(content, found));
      const isPossible = match !== undefined || (found === undefined && this.#has(key, undefined));
      if (!isPossible) fail(`${key} holds ${found?.length} bytes, which it can not`);
      this.resolved(key, match);
    }
    equal(store.list({ limit: 100 }).every((info) => keys().includes(info.key)), true);
  }

  #has(key: string, content: Content | undefined): boolean {
    return this.#possible(key).has(content);
  }
}

const keys = () => Array.from({ length: KEY_COUNT }, (_, index) => `key-${index}`);

function same(a: Content | undefined, b: Content | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** Whether an error is the consequence of an injected fault. */
function isExpected(error: unknown, disk: MemoryDisk, failed: boolean): boolean {
  return error instanceof PowerLoss || (disk.off && error instanceof GitStratumError) ||
    (failed && (hasCode(error, "unavailable") || hasCode(error, "corrupt")));
}

/** Runs one operation of each kind that the random numbers choose; returns when it is settled. */
async function step(store: SegmentStore, model: Model, world: World): Promise<void> {
  const { random } = world;
  const key = `key-${random.below(KEY_COUNT)}`;
  const choice = random.below(100);
  if (choice < 55) await put(store, model, world, key);
  else if (choice < 80) {
    model.attempted(key, undefined);
    await store.remove([key]);
    model.resolved(key, undefined);
  } else if (choice < 90) await store.compact({ deadPart: 0.3 });
  else if (choice < 95) {
    const found = store.stat(key) === undefined ? undefined : store.read(key);
    equal(same(found, model.current(key)), true);
  } else deepEqual((await store.scrub()).corruptKeys, []);
}

async function put(store: SegmentStore, model: Model, world: World, key: string): Promise<void> {
  if (store.stat(key) !== undefined) return;
  const { random } = world;
  const bytes = random.bytes(random.chance(0.1) ? random.below(90_000) : random.below(2000));
  model.attempted(key, bytes);
  await store.put([{ key, owner: "owner", bytes }]);
  model.resolved(key, bytes);
}

interface World {
  readonly random: SeededRandom;
}

async function live(store: SegmentStore, model: Model, world: World): Promise<void> {
  for (let count = 0; count < 60; count++) {
    if (world.random.chance(0.3)) {
      // Several at once, each on keys of its own: the group shares syncs and the crash.
      await Promise.all([step(store, model, world), store.compact({ deadPart: 0.3 })]);
    } else await step(store, model, world);
  }
}

function open(disk: MemoryDisk, random: SeededRandom): Promise<SegmentStore> {
  return SegmentStore.open({
    disk,
    clock: new ManualClock(1000),
    random,
    segmentBytes: SEGMENT_BYTES,
  });
}

/** Lets the store live until a fault or a clean end; tells whether a sync failed. */
async function runLife(disk: MemoryDisk, model: Model, random: SeededRandom): Promise<boolean> {
  let syncsLeft = random.chance(0.3) ? random.below(60) : Infinity;
  let failed = false;
  disk.faults.failSync = () => {
    // One failure only: what a retry would find is a sync that succeeds.
    const fails = syncsLeft-- === 0;
    failed ||= fails;
    return fails;
  };
  disk.faults.changesUntilPowerLoss = random.below(250);
  let store: SegmentStore | undefined;
  try {
    store = await open(disk, random);
    model.check(store);
    await live(store, model, { random });
  } catch (error) {
    if (!isExpected(error, disk, failed)) throw error;
  }
  if (!disk.off) disk.faults.changesUntilPowerLoss = Infinity;
  try {
    await store?.close();
  } catch (error) {
    if (!isExpected(error, disk, failed)) throw error;
  }
  return failed;
}

async function runHistory(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const model = new Model();
  let disk = new MemoryDisk();
  for (let life = 0; life < 5; life++) {
    const failed = await runLife(disk, model, random);
    // After a failed sync the process starts again over the same page cache, which may lie.
    if (disk.off || !failed || random.chance(0.3)) {
      disk = random.chance(0.8) || failed ? disk.crash(random.next()) : disk.kill();
    }
  }
  disk.faults.failSync = () => false;
  disk.faults.changesUntilPowerLoss = Infinity;
  const store = await open(disk, random);
  model.check(store);
  deepEqual(store.report.damage, []);
  deepEqual((await store.scrub()).corruptKeys, []);
  await store.close();
}

Deno.test("SegmentStore keeps what it acknowledged through any crash", async () => {
  const only = Deno.env.get("GITSTRATUM_CRASH_SEED");
  const seeds = only === undefined
    ? Array.from({ length: SEED_COUNT }, (_, seed) => seed)
    : [Number(only)];
  for (const seed of seeds) {
    try {
      await runHistory(seed);
    } catch (error) {
      throw new Error(`History ${seed} fails`, { cause: error });
    }
  }
});
