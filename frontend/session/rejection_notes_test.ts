import assert from "node:assert/strict";
import type { Oid } from "@gitstratum/core/git";
import { DEFAULT_REPOSITORY_SETTINGS, type RepositoryInfo } from "@gitstratum/core/rpc";
import { deletionWarning, rejectionNotes } from "./rejection_notes.ts";

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

Deno.test("deletionWarning() tells of the current branch only when it went with a warning", () => {
  const [none, some] = ["0".repeat(40) as Oid, "1".repeat(40) as Oid];
  const head = "refs/heads/main";
  const deletion = { name: head, oldOid: some, newOid: none };
  const told = (
    denyDeleteCurrent: boolean | "warn",
    { command = deletion, rejected }: { command?: typeof deletion; rejected?: string } = {},
  ) => {
    const settings = { ...DEFAULT_REPOSITORY_SETTINGS, denyDeleteCurrent };
    const repository: Pick<RepositoryInfo, "head" | "settings"> = { head, settings };
    const result = { name: command.name, ...(rejected === undefined ? {} : { rejected }) };
    return deletionWarning([command], { repository, results: [result] });
  };
  assert.equal(told("warn"), "warning: deleting the current branch\n");
  assert.equal(told(true), "");
  assert.equal(told(false), "");
  assert.equal(told("warn", { rejected: "deletion prohibited" }), "");
  assert.equal(told("warn", { command: { ...deletion, name: "refs/heads/other" } }), "");
  assert.equal(told("warn", { command: { ...deletion, oldOid: none } }), "", "it is not there");
  assert.equal(told("warn", { command: { ...deletion, newOid: some } }), "", "it is moved");
});
