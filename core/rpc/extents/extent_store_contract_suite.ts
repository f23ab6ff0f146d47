/**
 * What every {@link ExtentStore} must do: one suite for all implementations.
 *
 * @module
 */

import { deepEqual, equal, rejects } from "node:assert/strict";
import { hasCode } from "../../error.ts";
import type { ErrorCode } from "../../error.ts";
import { EXTENT_BYTES_MAX } from "../../limits.ts";
import type { ExtentStore } from "./extent_store.ts";
import { type ExtentId, extentId, type GroupId, type NetworkId, packId } from "../ids.ts";

/** A store under test and how to dispose of it. */
export interface ExtentStoreUnderTest {
  /** The store. */
  readonly store: ExtentStore;
  /** Releases it and what it left. */
  close(): Promise<void>;
}

type Case = (store: ExtentStore) => Promise<void>;

const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;
const OTHER_OWNER = "ffffffffffffffffffffffffffffffff" as NetworkId;
const GROUP = "00000000000000000000000000000abc" as GroupId;

const id = (index: number): ExtentId => extentId(packId(GROUP, "h"), index);

/** `length` bytes that differ from position to position and from seed to seed. */
function pattern(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let state = seed * 2654435761 >>> 0;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

const whole = (bytes: Uint8Array) => ({ offset: 0, length: bytes.length });

async function rejectsWith(code: ErrorCode, call: () => Promise<unknown>): Promise<void> {
  await rejects(call, (error) => {
    equal(hasCode(error, code) ? code : String(error), code);
    return true;
  });
}

const CASES: Readonly<Record<string, Case>> = {
  async "write() then read() returns the same bytes"(store) {
    for (const length of [1, 7, 100, 65535, 65536, 65537, 300_000]) {
      const bytes = pattern(length, length);
      await store.write(OWNER, [{ id: id(length), bytes }]);
      deepEqual(await store.read(id(length), whole(bytes)), bytes);
    }
  },

  async "read() returns any range inside the extent"(store) {
    const bytes = pattern(200_000);
    await store.write(OWNER, [{ id: id(0), bytes }]);
    const ranges = [[0, 1], [199_999, 1], [65535, 2], [65536, 65536], [1000, 150_000], [5, 0]];
    for (const [offset, length] of ranges as [number, number][]) {
      const found = await store.read(id(0), { offset, length });
      deepEqual(found, bytes.slice(offset, offset + length));
    }
  },

  async "read() refuses a range that leaves the extent"(store) {
    await store.write(OWNER, [{ id: id(0), bytes: pattern(100) }]);
    for (const [offset, length] of [[0, 101], [100, 1], [101, 0], [50, 51]] as const) {
      await rejectsWith("invalid", () => store.read(id(0), { offset, length }));
    }
  },

  async "read() of an absent extent is not-found"(store) {
    await rejectsWith("not-found", () => store.read(id(0), { offset: 0, length: 1 }));
    await rejectsWith("not-found", () => store.read(id(0), { offset: 0, length: 0 }));
  },

  async "write() stores many extents at once, empty ones too"(store) {
    const extents = Array.from(
      { length: 50 },
      (_, index) => ({ id: id(index), bytes: pattern(index * 37, index + 1) }),
    );
    await store.write(OWNER, extents);
    for (const extent of extents) {
      deepEqual(await store.read(extent.id, whole(extent.bytes)), extent.bytes);
      equal((await store.stat(extent.id))?.bytes, extent.bytes.length);
    }
  },

  async "write() of nothing does nothing"(store) {
    await store.write(OWNER, []);
    deepEqual(await store.list({ limit: 10 }), []);
  },

  async "write() of the same bytes again is no error"(store) {
    const bytes = pattern(5000);
    await store.write(OWNER, [{ id: id(0), bytes }]);
    await store.write(OWNER, [{ id: id(0), bytes }]);
    await Promise.all([1, 2, 3].map(() => store.write(OWNER, [{ id: id(1), bytes }])));
    equal((await store.list({ limit: 10 })).length, 2);
  },

  async "write() of other bytes under a known id is a conflict and changes nothing"(store) {
    const bytes = pattern(5000);
    await store.write(OWNER, [{ id: id(0), bytes }]);
    await rejectsWith("conflict", () => store.write(OWNER, [{ id: id(0), bytes: pattern(4999) }]));
    const changed = Uint8Array.from(bytes);
    changed[4999]! ^= 1;
    await rejectsWith("conflict", () => store.write(OWNER, [{ id: id(0), bytes: changed }]));
    deepEqual(await store.read(id(0), whole(bytes)), bytes);
  },

  async "write() of one id with two contents at once lets one of them win"(store) {
    const contents = [pattern(3000, 1), pattern(3000, 2)];
    const outcomes = await Promise.allSettled(
      contents.map((bytes) => store.write(OWNER, [{ id: id(0), bytes }])),
    );
    const winner = outcomes.findIndex((outcome) => outcome.status === "fulfilled");
    equal(outcomes.filter((outcome) => outcome.status === "fulfilled").length, 1);
    deepEqual(await store.read(id(0), { offset: 0, length: 3000 }), contents[winner]);
  },

  async "write() refuses an extent above the limit"(store) {
    const bytes = new Uint8Array(EXTENT_BYTES_MAX + 1);
    await rejectsWith("exhausted", () => store.write(OWNER, [{ id: id(0), bytes }]));
    equal(await store.stat(id(0)), undefined);
  },

  async "write() takes an extent of the largest size"(store) {
    const bytes = new Uint8Array(EXTENT_BYTES_MAX).fill(7);
    await store.write(OWNER, [{ id: id(0), bytes }]);
    const end = await store.read(id(0), { offset: EXTENT_BYTES_MAX - 10, length: 10 });
    deepEqual(end, bytes.slice(0, 10));
  },

  async "write() has taken its copy when it resolves"(store) {
    const bytes = pattern(1000);
    const before = Uint8Array.from(bytes);
    await store.write(OWNER, [{ id: id(0), bytes }]);
    bytes.fill(0);
    deepEqual(await store.read(id(0), whole(before)), before);
  },

  async "read() gives the caller bytes of its own"(store) {
    const bytes = pattern(1000);
    await store.write(OWNER, [{ id: id(0), bytes }]);
    (await store.read(id(0), whole(bytes))).fill(0);
    deepEqual(await store.read(id(0), whole(bytes)), bytes);
  },

  async "stat() tells owner and length, or undefined"(store) {
    equal(await store.stat(id(0)), undefined);
    await store.write(OTHER_OWNER, [{ id: id(0), bytes: pattern(123) }]);
    const info = await store.stat(id(0));
    deepEqual([info?.id, info?.owner, info?.bytes], [id(0), OTHER_OWNER, 123]);
    equal(Number.isSafeInteger(info?.writtenAtMs), true);
  },

  async "remove() makes extents absent; absent ones are no error"(store) {
    await store.write(OWNER, [0, 1, 2].map((n) => ({ id: id(n), bytes: pattern(100, n + 1) })));
    await store.remove([id(0), id(2), id(9)]);
    await store.remove([id(0)]);
    await store.remove([]);
    await rejectsWith("not-found", () => store.read(id(0), { offset: 0, length: 1 }));
    deepEqual((await store.list({ limit: 10 })).map((info) => info.id), [id(1)]);
  },

  async "write() after remove() stores the new bytes"(store) {
    await store.write(OWNER, [{ id: id(0), bytes: pattern(100, 1) }]);
    await store.remove([id(0)]);
    const bytes = pattern(200, 2);
    await store.write(OWNER, [{ id: id(0), bytes }]);
    deepEqual(await store.read(id(0), whole(bytes)), bytes);
  },

  async "list() pages through all extents in order of id"(store) {
    const ids = Array.from({ length: 25 }, (_, index) => id(index * 7 % 25));
    await store.write(OWNER, ids.map((id, seed) => ({ id, bytes: pattern(10, seed + 1) })));
    const found: ExtentId[] = [];
    let page = await store.list({ limit: 10 });
    while (page.length > 0) {
      found.push(...page.map((info) => info.id));
      // Changes behind the cursor must not disturb what comes after it.
      await store.remove([page[0]!.id]);
      await store.write(OWNER, [{ id: page[0]!.id, bytes: pattern(11) }]);
      page = await store.list({ after: found.at(-1)!, limit: 10 });
    }
    deepEqual(found, [...ids].sort());
  },
};

/**
 * Registers the suite.
 *
 * @param name what is tested, as it stands in the names of the tests
 * @param open makes an empty store
 */
export function testExtentStore(name: string, open: () => Promise<ExtentStoreUnderTest>): void {
  for (const [title, run] of Object.entries(CASES)) {
    Deno.test(`${name}: ${title}`, async () => {
      const { store, close } = await open();
      try {
        await run(store);
      } finally {
        await close();
      }
    });
  }
}
