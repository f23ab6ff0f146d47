import { equal } from "node:assert/strict";
import { checkLinearizable } from "./linearizability.ts";
import { networkModel, type NetworkOperation } from "./network_model.ts";

/** Somebody made a branch of a repository. */
function pushed(repository: string, branch: string, now: string): NetworkOperation {
  const updates = [{ name: branch, old: undefined, new: now }];
  const what = { kind: "push", updates, atomic: false, rejections: [undefined] } as const;
  return { kind: "references", repository, what };
}

/** What a repository showed; `undefined` = that there is none. */
function listed(
  repository: string,
  references: Readonly<Record<string, string>> | undefined,
): NetworkOperation {
  const what = references && { kind: "list", references: new Map(Object.entries(references)) };
  return { kind: "references", repository, what: what as undefined };
}

const FORKED: NetworkOperation = { kind: "fork", repository: "fork", parent: "root" };
const DELETED: NetworkOperation = { kind: "delete", repository: "fork" };
const RESTORED: NetworkOperation = { kind: "restore", repository: "fork" };
const PURGED: NetworkOperation = { kind: "purge", repository: "fork" };

/** The verdict on operations of which each ended before the next began. */
function verdictOf(...operations: readonly NetworkOperation[]): string {
  const history = operations.map((what, index) => ({
    what,
    who: "somebody",
    begin: 2 * index,
    end: 2 * index + 1,
  }));
  return checkLinearizable(networkModel("root"), history).kind;
}

Deno.test("networkModel() gives a fork what its parent had, and nothing that came later", () => {
  const before = pushed("root", "a", "1");
  const after = pushed("root", "b", "2");
  equal(verdictOf(before, FORKED, after, listed("fork", { a: "1" })), "linearizable");
  equal(verdictOf(before, FORKED, after, listed("fork", { a: "1", b: "2" })), "broken");
  equal(
    verdictOf(before, FORKED, pushed("fork", "c", "3"), listed("root", { a: "1" })),
    "linearizable",
  );
  equal(verdictOf(FORKED, pushed("fork", "c", "3"), listed("root", { c: "3" })), "broken");
});

Deno.test("networkModel() finds a fork that is deleted, comes back as it was, and goes for good", () => {
  const made = [FORKED, pushed("fork", "a", "1")] as const;
  const gone = listed("fork", undefined);
  const there = listed("fork", { a: "1" });
  equal(verdictOf(...made, gone), "broken");
  equal(verdictOf(...made, DELETED, gone), "linearizable");
  equal(verdictOf(...made, DELETED, there), "broken");
  equal(verdictOf(...made, DELETED, RESTORED, there), "linearizable");
  equal(verdictOf(...made, DELETED, RESTORED, listed("fork", {})), "broken");
  equal(verdictOf(...made, DELETED, RESTORED, gone), "broken");
  equal(verdictOf(...made, DELETED, PURGED, gone), "linearizable");
  equal(verdictOf(...made, DELETED, PURGED, RESTORED), "broken");
  equal(verdictOf(...made, PURGED), "broken");
});

Deno.test("networkModel() misses a root that is not served", () => {
  equal(verdictOf(listed("root", undefined)), "broken");
});

Deno.test("networkModel() takes a report that a repository is not there for what it says", () => {
  const updates = [{ name: "a", old: "1", new: "2" }];
  const rejections = ['Find no such repository (name="fork")'];
  const what = { kind: "push", updates, atomic: false, rejections } as const;
  const told = { kind: "references", repository: "fork", what } as const;
  const made = [FORKED, pushed("fork", "a", "1")] as const;
  equal(verdictOf(...made, DELETED, told), "linearizable");
  equal(verdictOf(...made, told), "broken");
  equal(verdictOf(...made, DELETED, RESTORED, told), "broken");
});
