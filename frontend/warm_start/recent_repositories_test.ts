import assert from "node:assert/strict";
import {
  ManualClock,
  RECENT_REPOSITORY_COUNT_MAX,
  RECENT_REPOSITORY_WRITE_MS,
} from "@gitstratum/core";
import { type Disk, MemoryDisk } from "@gitstratum/core/disk";
import { parseRepositoryName } from "@gitstratum/core/rpc";
import { RecentRepositories } from "./recent_repositories.ts";

const clock = new ManualClock();
const name = (number: number) => parseRepositoryName(`me/r${number}`);

function open(disk: Disk, troubles: unknown[] = []): RecentRepositories {
  return new RecentRepositories({ disk, clock, onTrouble: (error) => troubles.push(error) });
}

function write(disk: Disk, text: string): void {
  const file = disk.open("recent.json", { write: true, create: true });
  file.truncate(0);
  file.writeAt(new TextEncoder().encode(text), 0);
  file.close();
}

Deno.test("RecentRepositories.list() tells the next process what was used, the newest first", () => {
  const disk = new MemoryDisk();
  const recent = open(disk);
  for (const number of [1, 2, 3, 1]) recent.note(name(number));
  assert.deepEqual(recent.list(), [name(1), name(3), name(2)]);
  recent.close();
  assert.deepEqual(open(disk).list(), [name(1), name(3), name(2)]);
});

Deno.test("RecentRepositories.note() keeps a bounded number of names", () => {
  const disk = new MemoryDisk();
  const recent = open(disk);
  const count = RECENT_REPOSITORY_COUNT_MAX + 5;
  for (let number = 1; number <= count; number++) recent.note(name(number));
  recent.close();
  const kept = open(disk).list();
  assert.equal(kept.length, RECENT_REPOSITORY_COUNT_MAX);
  assert.equal(kept[0], name(count));
});

Deno.test("RecentRepositories.note() writes at once, then not for a while", () => {
  const disk = new MemoryDisk();
  const recent = open(disk);
  recent.note(name(1));
  assert.deepEqual(open(disk).list(), [name(1)]);
  recent.note(name(2));
  assert.deepEqual(open(disk).list(), [name(1)]);
  clock.advance(RECENT_REPOSITORY_WRITE_MS);
  recent.note(name(1));
  assert.deepEqual(open(disk).list(), [name(1)], "another order alone is not written");
  recent.note(name(3));
  assert.deepEqual(open(disk).list(), [name(3), name(1), name(2)]);
});

Deno.test("RecentRepositories() takes a file that it can not read for none", () => {
  const broken = [
    "",
    "{",
    "null",
    "[]",
    `{"version":2,"names":["me/r1"]}`,
    `{"version":1,"names":"me/r1"}`,
    `{"version":1,"names":["../../etc/passwd"]}`,
    `{"version":1,"names":[{}]}`,
    `{"version":1,"names":["me/r1"],"x":"${"y".repeat(100_000)}"}`,
  ];
  for (const text of broken) {
    const disk = new MemoryDisk();
    write(disk, text);
    const recent = open(disk);
    assert.deepEqual(recent.list(), [], text.slice(0, 80));
    recent.note(name(1));
    assert.deepEqual(open(disk).list(), [name(1)]);
  }
});

Deno.test("RecentRepositories.note() goes on when the disk fails, and tells of it", () => {
  const disk = new MemoryDisk();
  const troubles: unknown[] = [];
  disk.rename = () => {
    throw new Error("no disk");
  };
  const recent = open(disk, troubles);
  recent.note(name(1));
  assert.deepEqual(recent.list(), [name(1)]);
  assert.equal(troubles.length, 1);
});
