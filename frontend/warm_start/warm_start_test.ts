import assert from "node:assert/strict";
import { LineLogger, ManualClock } from "@gitstratum/core";
import type { Releases } from "@gitstratum/core/process";
import { parseRepositoryName, type RepositoryInfo } from "@gitstratum/core/rpc";
import { warmStart, type WarmStartOptions } from "./warm_start.ts";

const NAMES = [parseRepositoryName("me/first")];

function stage(openStage: WarmStartOptions["openStage"]) {
  const lines: string[] = [];
  const clock = new ManualClock();
  const logger = new LineLogger({ clock, write: (line) => lines.push(JSON.parse(line).message) });
  const metadata: WarmStartOptions["metadata"] = {
    findRepository: (name) =>
      Promise.resolve({ name, objectFormat: "sha1" } as unknown as RepositoryInfo),
    listReferences: () => Promise.reject(new Error("no references")),
  };
  const prepare = () => Promise.resolve();
  const budgets: number[] = [];
  const rehearsePushes = (budgetMs: number) => {
    budgets.push(budgetMs);
    return Promise.resolve();
  };
  const nodes = { metadata, clock, logger };
  const options = { budgetMs: 10, ...nodes, prepare, rehearsePushes, openStage };
  return { lines, budgets, clock, options };
}

Deno.test("warmStart() opens nothing when nothing was used before", async () => {
  const { lines, options } = stage(() => Promise.reject(new Error("opened")));
  await warmStart([], options);
  assert.deepEqual(lines, []);
});

Deno.test("warmStart() waits until pushes are prepared for, but not longer than it may", async () => {
  const { lines, clock, options } = stage(() => Promise.reject(new Error("opened")));
  const prepared = Promise.withResolvers<void>();
  let isOver = false;
  const waiting = warmStart([], { ...options, prepare: () => prepared.promise })
    .then(() => isOver = true);
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(isOver, false);
  prepared.resolve();
  await waiting;
  assert.equal(clock.sleeping, 0, "no timer is left");

  const never = warmStart([], { ...options, prepare: () => new Promise(() => undefined) });
  clock.advance(options.budgetMs);
  await never;

  await warmStart([], { ...options, prepare: () => Promise.reject(new Error("no thread")) });
  assert.deepEqual(lines, ["Fail to get ready for pushes"]);
});

Deno.test("warmStart() tells of a stage that fails, and releases what was opened", async () => {
  let released = 0;
  const { lines, options } = stage((releases: Releases) => {
    releases.add(() => void released++);
    return Promise.reject(new Error("no port"));
  });
  await warmStart(NAMES, options);
  assert.deepEqual(lines, ["Fail to get ready for clients"]);
  assert.equal(released, 1);
});

Deno.test("warmStart() survives a rehearsal and a release that fail", async () => {
  const { lines, options } = stage((releases: Releases) => {
    releases.add(() => Promise.reject(new Error("stuck")));
    return Promise.resolve({ send: () => Promise.reject(new Error("unasked")) });
  });
  await warmStart(NAMES, options);
  assert.deepEqual(lines, [
    "Fail to rehearse a clone",
    "Rehearse clones",
    "Fail to end a rehearsal",
  ]);
});

Deno.test("warmStart() leaves clones of what was used before their share of the time", async () => {
  const { budgets, options } = stage(() => Promise.reject(new Error("no port")));
  await warmStart([], options);
  await warmStart(NAMES, options);
  assert.deepEqual(budgets, [10, 5]);
});
