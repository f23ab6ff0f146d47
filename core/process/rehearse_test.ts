import assert from "node:assert/strict";
import { LineLogger } from "../logger.ts";
import { ManualClock } from "../manual_clock.ts";
import { type OpenRehearsal, rehearse } from "./rehearse.ts";
import type { Releases } from "./releases.ts";

const NEVER = new Promise<void>(() => undefined);

function stage() {
  const lines: string[] = [];
  const clock = new ManualClock();
  const logger = new LineLogger({ clock, write: (line) => lines.push(JSON.parse(line).message) });
  const released = { count: 0 };
  const opening = (round: (over: AbortSignal) => Promise<void>): OpenRehearsal => (releases) => {
    releases.add(() => void released.count++);
    return Promise.resolve(round);
  };
  return {
    lines,
    clock,
    released,
    opening,
    options: { budgetMs: 10, roundCountMax: 3, clock, logger },
  };
}

Deno.test("rehearse() ends after so many rounds, and releases what was opened", async () => {
  const { lines, clock, released, opening, options } = stage();
  assert.equal(await rehearse(opening(() => Promise.resolve()), options), 3);
  assert.deepEqual(lines, ["Rehearse"]);
  assert.equal(released.count, 1);
  assert.equal(clock.sleeping, 0, "no timer is left");
});

Deno.test("rehearse() opens nothing without time", async () => {
  const { lines, released, opening, options } = stage();
  assert.equal(await rehearse(opening(() => NEVER), { ...options, budgetMs: 0 }), 0);
  assert.deepEqual([lines, released.count], [[], 0]);
});

Deno.test("rehearse() ends with its time, and tells a round that still runs", async () => {
  const { lines, clock, released, opening, options } = stage();
  const begun = Promise.withResolvers<AbortSignal>();
  const running = rehearse(
    opening((over) => {
      begun.resolve(over);
      return NEVER;
    }),
    options,
  );
  const over = await begun.promise;
  assert.equal(over.aborted, false);
  clock.advance(10);
  assert.equal(await running, 0);
  assert.equal(over.aborted, true);
  assert.deepEqual([lines, released.count], [["Rehearse"], 1]);
});

Deno.test("rehearse() ends when the process is to end", async () => {
  const { opening, options } = stage();
  const stop = new AbortController();
  const running = rehearse(opening(() => NEVER), { ...options, signal: stop.signal });
  stop.abort();
  assert.equal(await running, 0);
  assert.equal(await rehearse(opening(() => NEVER), { ...options, signal: stop.signal }), 0);
});

Deno.test("rehearse() releases what is opened after its time", async () => {
  const { clock, released, options } = stage();
  const asked = Promise.withResolvers<Releases>();
  const gate = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  const running = rehearse(async (releases) => {
    asked.resolve(releases);
    await gate.promise;
    releases.add(() => {
      released.count++;
      opened.resolve();
    });
    return () => NEVER;
  }, options);
  await asked.promise;
  clock.advance(10);
  await running;
  gate.resolve();
  await opened.promise;
  assert.equal(released.count, 1);
});

Deno.test("rehearse() tells of what fails", async () => {
  const { lines, opening, options } = stage();
  const fail = () => Promise.reject(new Error("broken"));
  assert.equal(await rehearse(opening(fail), options), 0);
  assert.equal(await rehearse(fail, options), 0);
  const closing: OpenRehearsal = (releases) => {
    releases.add(fail);
    return Promise.resolve(() => Promise.resolve());
  };
  assert.equal(await rehearse(closing, options), 3);
  assert.deepEqual(lines, [
    ...["Fail a rehearsal", "Rehearse", "Fail a rehearsal", "Rehearse"],
    ...["Fail to end a rehearsal", "Rehearse"],
  ]);
});
