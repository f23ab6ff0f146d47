import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import type { RepositoryInfo } from "@gitstratum/core/rpc";
import { type AppendFault, FaultyLog } from "./testing/faulty_log.ts";
import { TestNode } from "./testing/test_node.ts";

/** Longer than any claim may stay unsettled. */
const LATER_MS = 10 * 60_000;
const FAULTS: readonly AppendFault[] = ["crash-before", "crash-after"];

interface Crash {
  readonly node: TestNode;
  readonly log: FaultyLog;
}

async function start(): Promise<Crash> {
  let log: FaultyLog | undefined;
  const node = await TestNode.start({ wrapLog: (inner) => log = new FaultyLog(inner) });
  await node.node.upkeep();
  return { node, log: log! };
}

/** Runs `work` with a crash at its append number `step`; whether it got an answer all the same. */
async function crashAt(
  { node, log }: Crash,
  options: { readonly step: number; readonly fault: AppendFault },
  work: () => Promise<unknown>,
): Promise<boolean> {
  const before = log.appendCount;
  log.fault = (append) => append === before + options.step ? options.fault : undefined;
  let settled = false;
  const outcome = work().then(() => true, (error) => {
    ok(hasCode(error, "unavailable"), String(error));
    return false;
  }).finally(() => settled = true);
  while (!settled) await node.clock.advance(1000);
  log.revive();
  await node.restart();
  return await outcome;
}

/** A name is either free or leads to one living repository that a listing shows too. */
async function checkConsistent(node: TestNode, name: RepositoryInfo["name"]): Promise<boolean> {
  const found = await node.metadata.findRepository(name);
  const listed = await node.metadata.listRepositories({ limit: 10 });
  deepEqual(listed.filter((one) => one.name === name), found === undefined ? [] : [found]);
  if (found !== undefined) deepEqual(await node.references(found), []);
  return found !== undefined;
}

Deno.test("create() leaves a repository or a free name, wherever it crashes", async () => {
  for (const fault of FAULTS) {
    for (const step of [1, 2, 3]) {
      const crash = await start();
      await using node = crash.node;
      const done = await crashAt(crash, { step, fault }, () => node.create());
      equal(done, false, `${fault} ${step}`);
      const name = "owner/name" as RepositoryInfo["name"];
      const exists = await checkConsistent(node, name);
      equal(exists, step === 3 || (step === 2 && fault === "crash-after"), `${fault} ${step}`);

      node.clock.jumpWall(LATER_MS);
      await node.node.upkeep();
      equal(await checkConsistent(node, name), exists);
      if (exists) await rejects(node.create(), (error) => hasCode(error, "already-exists"));
      else await node.create();
      ok(await checkConsistent(node, name));
    }
  }
});

Deno.test("create() takes over a stale claim without waiting for a repair", async () => {
  const crash = await start();
  await using node = crash.node;
  await crashAt(crash, { step: 2, fault: "crash-before" }, () => node.create());
  await rejects(node.create(), (error) => hasCode(error, "already-exists"));
  node.clock.jumpWall(LATER_MS);
  await node.create();
});

Deno.test("delete() leaves the repository or a free name, wherever it crashes", async () => {
  for (const fault of FAULTS) {
    for (const step of [1, 2, 3]) {
      const crash = await start();
      await using node = crash.node;
      const info = await node.create();
      const work = () => node.metadata.deleteRepository(info);
      equal(await crashAt(crash, { step, fault }, work), false);
      const exists = await checkConsistent(node, info.name);
      equal(exists, step === 1 && fault === "crash-before", `${fault} ${step}`);
      if (!exists && step % 2 === 0) {
        // A new repository may have the name before the old deletion has been repaired.
        const next = await node.create();
        await node.node.upkeep();
        deepEqual(await node.metadata.findRepository(info.name), next);
        continue;
      }
      await node.node.upkeep();
      equal(await checkConsistent(node, info.name), exists);
      if (!exists) await node.create();
    }
  }
});

Deno.test("repair() finds nothing to do after undisturbed sagas", async () => {
  const { node: started, log } = await start();
  await using node = started;
  const info = await node.create();
  await node.metadata.deleteRepository(info);
  await node.create();
  const before = log.appendCount;
  node.clock.jumpWall(LATER_MS);
  await node.node.upkeep();
  equal(log.appendCount, before);
});
