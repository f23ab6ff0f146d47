import { equal } from "node:assert/strict";
import type { Operation } from "./history.ts";
import { checkLinearizable } from "./linearizability.ts";
import { NAME_MODEL, type NameOperation, orderedOperations } from "./name_model.ts";

function operation(
  kind: NameOperation["kind"],
  id: string | undefined,
  [begin, end]: readonly [number, number],
): Operation<NameOperation> {
  return { what: { kind, heard: { id } }, who: "client", begin, end };
}

function verdictOf(operations: readonly Operation<NameOperation>[]): string {
  return checkLinearizable(NAME_MODEL, orderedOperations(operations)).kind;
}

Deno.test("orderedOperations() lets a creation be refused while another one goes on", () => {
  const refused = operation("create", undefined, [1, 2]);
  const missed = operation("find", undefined, [3, 4]);
  equal(verdictOf([operation("create", "a", [0, 5]), refused, missed]), "linearizable");
  equal(verdictOf([refused, missed, operation("create", "a", [5, 6])]), "broken");
  equal(verdictOf([refused, operation("find", "a", [3, 4])]), "broken");
});

Deno.test("orderedOperations() leaves out nothing that was done or found", () => {
  const made = operation("create", "a", [0, 5]);
  equal(verdictOf([made, operation("create", "b", [1, 2])]), "broken");
  equal(verdictOf([made, operation("find", undefined, [6, 7])]), "broken");
  equal(verdictOf([made, operation("create", undefined, [6, 7])]), "linearizable");
});
