import { equal } from "node:assert/strict";
import type { Operation } from "./history.ts";
import { checkLinearizable } from "./linearizability.ts";
import { NAME_MODEL, type NameOperation } from "./name_model.ts";
import { REFERENCE_MODEL, type ReferenceOperation } from "./reference_model.ts";

const LOST = "failed to update ref: incorrect old value provided";

function push(
  updates: readonly (readonly [name: string, old: string | undefined, now: string | undefined])[],
  rejections?: readonly (string | undefined)[],
  atomic = false,
): ReferenceOperation {
  return {
    kind: "push",
    updates: updates.map(([name, old, now]) => ({ name, old, new: now })),
    atomic,
    ...(rejections === undefined ? {} : { rejections }),
  };
}

function list(references: Readonly<Record<string, string>>): ReferenceOperation {
  return { kind: "list", references: new Map(Object.entries(references)) };
}

/** Operations with their beginnings and ends. */
function verdictOf(
  rows: readonly (readonly [what: ReferenceOperation, begin: number, end: number])[],
): string {
  const operations = rows.map(([what, begin, end]) => ({ what, who: "somebody", begin, end }));
  return checkLinearizable(REFERENCE_MODEL, operations).kind;
}

Deno.test("checkLinearizable() accepts what overlaps in any order that fits", () => {
  equal(
    verdictOf([
      [push([["a", undefined, "1"]], [undefined]), 0, 5],
      [push([["a", "1", "2"]], [undefined]), 1, 6],
      [list({ a: "2" }), 2, 7],
      [list({}), 3, 8],
    ]),
    "linearizable",
  );
});

Deno.test("checkLinearizable() finds a read that is older than what ended before it", () => {
  equal(
    verdictOf([[push([["a", undefined, "1"]], [undefined]), 0, 1], [list({}), 2, 3]]),
    "broken",
  );
});

Deno.test("checkLinearizable() finds two winners of one race, and an acknowledged push that is gone", () => {
  const first = push([["a", undefined, "1"]], [undefined]);
  equal(verdictOf([[first, 0, 3], [push([["a", undefined, "2"]], [undefined]), 1, 2]]), "broken");
  equal(verdictOf([[first, 0, 1], [list({ a: "1" }), 2, 3], [list({}), 4, 5]]), "broken");
});

Deno.test("checkLinearizable() finds a part of an atomic push, and what a refused push left", () => {
  const both = [["a", undefined, "1"], ["b", undefined, "2"]] as const;
  equal(
    verdictOf([[push(both, undefined, true), 0, Infinity], [list({ a: "1" }), 1, 2]]),
    "broken",
  );
  equal(verdictOf([[push(both, [LOST, LOST], true), 0, 1], [list({ a: "1" }), 2, 3]]), "broken");
});

Deno.test("checkLinearizable() finds a push that was told that it lost, and had not", () => {
  equal(verdictOf([[push([["a", undefined, "1"]], [LOST]), 0, 1]]), "broken");
});

Deno.test("checkLinearizable() lets a push of unknown outcome happen late, or never", () => {
  const unknown = push([["a", undefined, "1"]]);
  equal(
    verdictOf([[unknown, 0, Infinity], [list({}), 1, 2], [list({ a: "1" }), 3, 4]]),
    "linearizable",
  );
  equal(verdictOf([[unknown, 0, Infinity], [list({}), 1, 2]]), "linearizable");
  equal(verdictOf([[unknown, 0, Infinity], [list({ a: "1" }), 1, 2], [list({}), 3, 4]]), "broken");
});

Deno.test("checkLinearizable() finds a name that two have", () => {
  const created = (id: string, begin: number): Operation<NameOperation> => ({
    what: { kind: "create", heard: { id } },
    who: "somebody",
    begin,
    end: begin + 1,
  });
  const freed: Operation<NameOperation> = {
    what: { kind: "delete", heard: { id: "" } },
    who: "somebody",
    begin: 2,
    end: 3,
  };
  equal(checkLinearizable(NAME_MODEL, [created("1", 0), created("2", 4)]).kind, "broken");
  equal(
    checkLinearizable(NAME_MODEL, [created("1", 0), freed, created("2", 4)]).kind,
    "linearizable",
  );
});
