import { deepEqual, equal, rejects } from "node:assert/strict";
import { ByteBudget } from "./byte_budget.ts";

/** Lets everything run that is ready. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("ByteBudget.spend() never runs more than fits, and keeps the order of arrival", async () => {
  const budget = new ByteBudget(10);
  const started: number[] = [];
  const gates = [6, 5, 1, 4].map((bytes, index) => {
    const gate = Promise.withResolvers<void>();
    const done = budget.spend(bytes, () => {
      started.push(index);
      return gate.promise;
    });
    return { gate, done };
  });
  await turn();
  // The third would fit beside the first, but came after the second.
  deepEqual(started, [0]);
  equal(budget.used, 6);
  gates[0]!.gate.resolve();
  await turn();
  deepEqual(started, [0, 1, 2, 3]);
  equal(budget.used, 10);
  for (const { gate } of gates) gate.resolve();
  await Promise.all(gates.map(({ done }) => done));
  equal(budget.used, 0);
});

Deno.test("ByteBudget.spend() gives bytes back after a failure", async () => {
  const budget = new ByteBudget(10);
  await rejects(() => budget.spend(10, () => Promise.reject(new Error("no"))), /no/);
  equal(await budget.spend(10, () => Promise.resolve("yes")), "yes");
});
