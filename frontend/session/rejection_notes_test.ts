import assert from "node:assert/strict";
import { rejectionNotes } from "./rejection_notes.ts";

Deno.test("rejectionNotes() says which rule refused which reference", () => {
  const notes = rejectionNotes([
    { name: "refs/heads/a" },
    { name: "refs/heads/b", rejected: "non-fast-forward" },
    { name: "refs/heads/c", rejected: "deletion prohibited" },
    { name: "refs/heads/d", rejected: "deletion of the current branch prohibited" },
    { name: "refs/heads/e", rejected: "funny refname" },
    { name: "refs/heads/f", rejected: "toString" },
  ]);
  assert.deepEqual(notes.split("\n"), [
    "error: denying non-fast-forward refs/heads/b (you should pull first)",
    "error: denying ref deletion for refs/heads/c",
    "error: refusing to delete the current branch: refs/heads/d",
    "",
  ]);
});

Deno.test("rejectionNotes() is bounded", () => {
  const results = Array.from({ length: 1000 }, (_, index) => ({
    name: `refs/heads/${index}`,
    rejected: "deletion prohibited",
  }));
  assert.equal(rejectionNotes(results).split("\n").length, 21);
  assert.equal(rejectionNotes([]), "");
});
