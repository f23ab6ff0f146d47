import assert from "node:assert/strict";
import { GitStratumError } from "../error.ts";
import { silentLogger } from "../logger.ts";
import { ManualClock } from "../manual_clock.ts";
import { SeededRandom } from "../seeded_random.ts";
import type { EndSignal, ProcessWorld } from "./process_world.ts";
import { type Program, runProcess, type StartContext } from "./run_process.ts";

type Settings = { readonly logLevel: "info"; readonly drainDelayS: number };

/** A world that notes what happens, and a program that does nothing. */
function setUp(program: Partial<Program<Settings>> = {}, drainDelayS = 0) {
  const clock = new ManualClock();
  const happened: string[] = [];
  let send: (signal: EndSignal) => void = () => {};
  let context: StartContext | undefined;
  const started = Promise.withResolvers<StartContext>();
  const draining = Promise.withResolvers<void>();
  const world: ProcessWorld = {
    args: [],
    environment: {},
    readTextFile: () => "",
    clock,
    random: new SeededRandom(1),
    logger: () => silentLogger,
    print: (text) => void happened.push(text),
    printError: (text) => void happened.push(`error: ${text}`),
    onEndSignal: (listener) => void (send = listener),
  };
  const exit = runProcess<Settings>(world, {
    read: () => ({ kind: "values", values: { logLevel: "info", drainDelayS } }),
    help: () => "how to",
    start(_, given) {
      context = given;
      started.resolve(given);
      return Promise.resolve({
        greeting: "serving",
        drain() {
          happened.push("drain");
          draining.resolve();
        },
        close() {
          happened.push("close");
          return Promise.resolve();
        },
      });
    },
    ...program,
  });
  return {
    clock,
    happened,
    exit,
    started: started.promise,
    draining: draining.promise,
    send: (signal: EndSignal) => send(signal),
    fail: (error: unknown) => context?.onFatal(error),
  };
}

Deno.test("runProcess() prints help and problems, and starts nothing", async () => {
  const help = setUp({ read: () => ({ kind: "help" }) });
  assert.equal(await help.exit, 0);
  assert.deepEqual(help.happened, ["how to"]);
  const invalid = setUp({ read: () => ({ kind: "invalid", problems: ["one", "two"] }) });
  assert.equal(await invalid.exit, 2);
  assert.deepEqual(invalid.happened, ["error: one\ntwo"]);
});

Deno.test("runProcess() drains and closes on a signal", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const run = setUp();
    await run.started;
    run.send(signal);
    assert.equal(await run.exit, 0);
    assert.deepEqual(run.happened, ["serving", "drain", "close"]);
  }
});

Deno.test("runProcess() serves on for the delay after SIGTERM", async () => {
  const run = setUp({}, 5);
  await run.started;
  run.send("SIGTERM");
  await run.draining;
  await run.clock.advance(4999);
  assert.deepEqual(run.happened, ["serving", "drain"]);
  await run.clock.advance(1);
  assert.equal(await run.exit, 0);
  assert.deepEqual(run.happened, ["serving", "drain", "close"]);
});

Deno.test("runProcess() skips the delay for SIGINT and for a second signal", async () => {
  const atTerminal = setUp({}, 5);
  await atTerminal.started;
  atTerminal.send("SIGINT");
  assert.equal(await atTerminal.exit, 0);
  const impatient = setUp({}, 5);
  await impatient.started;
  impatient.send("SIGTERM");
  await impatient.draining;
  impatient.send("SIGTERM");
  assert.equal(await impatient.exit, 0);
  assert.equal(impatient.clock.sleeping, 0);
});

Deno.test("runProcess() closes and fails when only a restart can help", async () => {
  const run = setUp({}, 5);
  await run.started;
  run.fail(new Error("disk"));
  assert.equal(await run.exit, 1);
  assert.deepEqual(run.happened, ["serving", "drain", "close"]);
});

Deno.test("runProcess() says why a start failed", async () => {
  const run = setUp({
    start: () =>
      Promise.reject(new GitStratumError("conflict", "Find it taken", { data: { by: "x" } })),
  });
  assert.equal(await run.exit, 1);
  assert.deepEqual(run.happened, ['error: Find it taken (by="x")']);
});

Deno.test("runProcess() ends a start that still waits", async () => {
  const run = setUp({
    start: (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  await Promise.resolve();
  run.send("SIGTERM");
  assert.equal(await run.exit, 0);
  assert.deepEqual(run.happened, []);
});

Deno.test("runProcess() waits until others have taken over, unless it is told again", async () => {
  for (const isImpatient of [false, true]) {
    const takenOver = Promise.withResolvers<void>();
    const draining = Promise.withResolvers<void>();
    const events: string[] = [];
    const run = setUp({
      start: () =>
        Promise.resolve({
          greeting: "serving",
          drain() {
            draining.resolve();
            return takenOver.promise;
          },
          close() {
            events.push("close");
            return Promise.resolve();
          },
        }),
    });
    // The greeting is printed when the process can be told to end.
    while (run.happened.length === 0) await Promise.resolve();
    run.send("SIGINT");
    await draining.promise;
    assert.deepEqual(events, []);
    if (isImpatient) run.send("SIGINT");
    else takenOver.resolve();
    assert.equal(await run.exit, 0);
    assert.deepEqual(events, ["close"]);
  }
});
