/**
 * What every {@link Disk} must do: one suite for the real and the simulated one.
 *
 * @module
 */

import { deepEqual, equal, throws } from "node:assert/strict";
import { hasCode } from "../error.ts";
import type { ErrorCode } from "../error.ts";
import type { Disk } from "./disk.ts";

type Case = (disk: Disk) => void | Promise<void>;

const bytesOf = (text: string) => new TextEncoder().encode(text);

function textAt(disk: Disk, path: string, length = 100): string {
  const file = disk.open(path);
  const buffer = new Uint8Array(length);
  const count = file.readAt(buffer, 0);
  file.close();
  return new TextDecoder().decode(buffer.subarray(0, count));
}

function put(disk: Disk, path: string, text: string): void {
  const file = disk.open(path, { write: true, create: true });
  file.writeAt(bytesOf(text), 0);
  file.close();
}

function throwsWith(code: ErrorCode, call: () => unknown): void {
  throws(call, (error) => hasCode(error, code));
}

const CASES: Readonly<Record<string, Case>> = {
  "writeAt() and readAt() use the given offset"(disk) {
    const file = disk.open("f", { write: true, create: true });
    file.writeAt(bytesOf("hello world"), 0);
    file.writeAt(bytesOf("W"), 6);
    const buffer = new Uint8Array(5);
    equal(file.readAt(buffer, 6), 5);
    equal(new TextDecoder().decode(buffer), "World");
    file.close();
  },

  "readAt() is short at the end of the file only"(disk) {
    put(disk, "f", "12345");
    const file = disk.open("f");
    equal(file.readAt(new Uint8Array(10), 3), 2);
    equal(file.readAt(new Uint8Array(10), 5), 0);
    equal(file.readAt(new Uint8Array(10), 50), 0);
    equal(file.readAt(new Uint8Array(0), 0), 0);
    file.close();
  },

  "writeAt() beyond the end leaves zeros between"(disk) {
    const file = disk.open("f", { write: true, create: true });
    file.writeAt(bytesOf("x"), 3);
    const buffer = new Uint8Array(4).fill(9);
    file.readAt(buffer, 0);
    deepEqual([...buffer], [0, 0, 0, 120]);
    equal(file.size(), 4);
    file.close();
  },

  "truncate() cuts, and extends with zeros"(disk) {
    put(disk, "f", "12345");
    const file = disk.open("f", { write: true });
    file.truncate(2);
    equal(file.size(), 2);
    file.truncate(4);
    const buffer = new Uint8Array(10);
    equal(file.readAt(buffer, 0), 4);
    deepEqual([...buffer.subarray(0, 4)], [49, 50, 0, 0]);
    file.close();
  },

  async "writes go on while a sync runs"(disk) {
    const file = disk.open("f", { write: true, create: true });
    const large = new Uint8Array(1_000_000).fill(1);
    file.writeAt(large, 0);
    const syncs = [file.syncData()];
    for (let round = 1; round <= 5; round++) {
      file.writeAt(bytesOf("abc"), large.length + 3 * round);
      syncs.push(file.syncData());
      equal(file.readAt(new Uint8Array(3), 0), 3);
    }
    await Promise.all(syncs);
    file.close();
  },

  "open() creates only when asked, exclusively when asked"(disk) {
    throwsWith("not-found", () => disk.open("f"));
    throwsWith("not-found", () => disk.open("f", { write: true }));
    disk.open("f", { write: true, create: true, exclusive: true }).close();
    throwsWith(
      "already-exists",
      () => disk.open("f", { write: true, create: true, exclusive: true }),
    );
    disk.open("f", { write: true, create: true }).close();
  },

  "open() in a missing directory is not-found"(disk) {
    throwsWith("not-found", () => disk.open("a/f", { write: true, create: true }));
  },

  "makeDirectory() makes parents; list() is sorted and shows one level"(disk) {
    disk.makeDirectory("a/b");
    disk.makeDirectory("a/b");
    put(disk, "a/z", "1");
    put(disk, "a/c", "1");
    put(disk, "a/b/deep", "1");
    deepEqual(disk.list("a"), ["b", "c", "z"]);
    deepEqual(disk.list(""), ["a"]);
    deepEqual(disk.list("none"), []);
    equal(disk.exists("a/b"), true);
    equal(disk.exists("a/b/deep"), true);
    equal(disk.exists("a/x"), false);
  },

  "rename() replaces; an open file keeps its content"(disk) {
    put(disk, "old", "old");
    put(disk, "new", "new");
    const file = disk.open("old");
    disk.rename("new", "old");
    equal(textAt(disk, "old"), "new");
    equal(disk.exists("new"), false);
    const buffer = new Uint8Array(3);
    file.readAt(buffer, 0);
    equal(new TextDecoder().decode(buffer), "old");
    file.close();
    throwsWith("not-found", () => disk.rename("new", "x"));
  },

  "remove() takes a file away; an absent one is no error"(disk) {
    put(disk, "f", "1");
    const file = disk.open("f");
    disk.remove("f");
    disk.remove("f");
    equal(disk.exists("f"), false);
    equal(file.readAt(new Uint8Array(1), 0), 1);
    file.close();
  },

  async "syncDirectory() resolves"(disk) {
    disk.makeDirectory("a");
    put(disk, "a/f", "1");
    await disk.syncDirectory("a");
    await disk.syncDirectory("");
  },

  "lock() is exclusive until released"(disk) {
    const lock = disk.lock("lock");
    throwsWith("denied", () => disk.lock("lock"));
    lock.release();
    disk.lock("lock").release();
  },
};

/** Registers the suite; `withDisk` runs a case on an empty disk and cleans up after it. */
export function testDisk(
  name: string,
  withDisk: (run: (disk: Disk) => void | Promise<void>) => Promise<void>,
): void {
  for (const [title, run] of Object.entries(CASES)) {
    Deno.test(`${name}: ${title}`, () => withDisk(run));
  }
}
