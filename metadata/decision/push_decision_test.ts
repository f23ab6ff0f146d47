import { deepEqual, equal, throws } from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type NetworkId,
  type RepositoryId,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import type { PartitionView, RepositoryState } from "../partition/partition_view.ts";
import type { PushVerdict } from "./push_check.ts";
import { decidePush } from "./push_decision.ts";
import { runWhole, type Sliced } from "../state/sliced.ts";
import type { Decision } from "../partition/partition_primary.ts";
import { command, pushRequest } from "../testing/test_node.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const MAIN = "refs/heads/main";
const KEY = {
  repositoryId: "1".repeat(32) as RepositoryId,
  networkId: "2".repeat(32) as NetworkId,
};

/** A repository whose branch main is at {@link A}. */
function viewOf(denyNonFastForwards: boolean): PartitionView {
  const repository: RepositoryState = {
    ...KEY,
    name: "owner/name" as RepositoryName,
    objectFormat: "sha1",
    head: MAIN,
    createdAtMs: 0,
    settings: { ...DEFAULT_REPOSITORY_SETTINGS, denyNonFastForwards },
    refsVersion: 1,
    nameVersion: 0,
    deleted: false,
  };
  return {
    repository: () => repository,
    name: () => undefined,
    references: () => ({
      get: (name) => name === MAIN ? A : undefined,
      hasBelow: () => false,
      namesBelow: () => [],
    }),
    pushOutcome: () => undefined,
    isDone: () => false,
  };
}

const UNCHECKED: PushVerdict = {
  facts: new Map([[B, { type: "commit" }]]),
  missing: new Set(),
  inGroup: new Set(),
};

function decide(denyNonFastForwards: boolean, verdict: PushVerdict, isCurrent = true) {
  const context = { verdict, atMs: 1, isCurrent: () => isCurrent };
  const decision = decidePush(KEY, pushRequest([command(MAIN, A, B)]), context);
  return runWhole(decision(viewOf(denyNonFastForwards)) as Sliced<Decision<unknown>>);
}

Deno.test("decidePush() asks for another check when settings became stricter after it", () => {
  throws(() => decide(true, UNCHECKED), (error: unknown) => hasCode(error, "conflict"));
  equal(decide(false, UNCHECKED).records.length, 1);
  equal(decide(true, { ...UNCHECKED, nonFastForwards: new Map() }).records.length, 1);
});

Deno.test("decidePush() asks for another check when the first was long ago", () => {
  throws(() => decide(false, UNCHECKED, false), (error) => hasCode(error, "conflict"));
});

Deno.test("decidePush() lets the settings of its own moment decide", () => {
  const found = { ...UNCHECKED, nonFastForwards: new Map([[0, "non-fast-forward"]]) };
  deepEqual(decide(true, found), {
    records: [],
    answer: { results: [{ name: MAIN, rejected: "non-fast-forward" }] },
  });
  equal(decide(false, found).records.length, 1);
});
