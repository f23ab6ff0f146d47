import assert from "node:assert/strict";
import { silentLogger } from "@gitstratum/core";
import { DutyWatch } from "./duty_watch.ts";
import type { PartitionDuties } from "./partition_duties.ts";
import type { PartitionTable } from "./partition_table.ts";

/** Duties that change when told, and a table whose steps end when told. */
function setUp() {
  const state = { version: 1 };
  let changed = Promise.withResolvers<void>();
  const duties: PartitionDuties = {
    get version() {
      return state.version;
    },
    of: () => "primary",
    async changed(after, signal) {
      const aborted = new Promise<never>((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason), { once: true })
      );
      aborted.catch(() => undefined);
      while (state.version <= after) await Promise.race([changed.promise, aborted]);
    },
  };
  const steps: string[] = [];
  const stuck = Promise.withResolvers<void>();
  const seen = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const openings: AbortSignal[] = [];
  const partitions = {
    settle() {
      steps.push(`settle ${state.version}`);
      seen.shift()?.resolve();
      // A slot that waits for a claim settles when it has it: perhaps never.
      return stuck.promise;
    },
    openAll(signal: AbortSignal) {
      openings.push(signal);
      return new Promise<void>((resolve) =>
        signal.addEventListener("abort", () => resolve(), { once: true })
      );
    },
  } as unknown as PartitionTable;
  const [first, second] = seen.map(({ promise }) => promise);
  const watch = new DutyWatch({ duties, partitions, logger: silentLogger });
  const change = () => {
    state.version++;
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  return { watch, change, steps, openings, first, second };
}

Deno.test("DutyWatch acts on a change although a partition still waits for its claim", async () => {
  const { watch, change, steps, first, second } = setUp();
  await first;
  change();
  await second;
  assert.deepEqual(steps, ["settle 1", "settle 2"]);
  await watch.stop();
});

Deno.test("DutyWatch.stop() ends an opening that would go on for long", async () => {
  const { watch, openings, first } = setUp();
  await first;
  await watch.stop();
  assert.deepEqual(openings.map(({ aborted }) => aborted), [true]);
});
