import { equal } from "node:assert/strict";
import { DIRECTORY_STEP_SHAPES } from "./directory_wire.ts";

const HOLDER = { name: "owner/name", repositoryId: "1".repeat(32), networkId: "2".repeat(32) };

Deno.test("steps of nodes of the release before, which know no versions of names, are understood", () => {
  const { question } = DIRECTORY_STEP_SHAPES.claim;
  equal(question.parse({ ...HOLDER, atMs: 5 }).version, 0);
  const { answer } = DIRECTORY_STEP_SHAPES.name;
  const state = answer.parse({ result: { ...HOLDER, confirmed: true, atMs: 5 } }).result;
  equal(state?.version, 0);
  equal(state?.moved, false);
});
