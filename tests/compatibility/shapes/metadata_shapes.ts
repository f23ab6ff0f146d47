/**
 * What frontends and metadata nodes say to each other, and what metadata nodes leave in logs and
 * snapshots.
 *
 * @module
 */

import { recipeHeaderSchema } from "../../../core/recipe/recipe_header.ts";
import {
  referenceEndSchema,
  referenceHeadSchema,
} from "../../../core/rpc/metadata/reference_stream.ts";
import {
  createRepositorySchema,
  deepenRequestSchema,
  deletedPageSchema,
  deleteRepositorySchema,
  emptySchema,
  errorBodySchema,
  forkRepositorySchema,
  locatedObjectsSchema,
  locateRequestSchema,
  negotiateRequestSchema,
  negotiateResultSchema,
  planRequestSchema,
  purgeRepositorySchema,
  pushRequestSchema,
  pushResultSchema,
  referenceQuerySchema,
  renameRepositorySchema,
  repositoryInfoSchema,
  repositoryPageSchema,
  repositoryUsageSchema,
  restoreRepositorySchema,
  shallowBoundarySchema,
  tagDigestSchema,
  updateRepositorySchema,
} from "@gitstratum/core/rpc";
import { DIRECTORY_STEP_SHAPES } from "../../../metadata/directory/directory_wire.ts";
import { logPayloadSchema } from "../../../metadata/log/log_record.ts";
import { snapshotEndSchema, snapshotHeadSchema } from "../../../metadata/state/snapshot_format.ts";
import { AT_MS, ID, NAME, OID, PROVENANCE, SETTINGS, type Shape, shape } from "./shape.ts";

const INFO = {
  name: NAME,
  repositoryId: ID,
  networkId: ID,
  objectFormat: "sha1",
  head: "refs/heads/main",
  createdAtMs: AT_MS,
  settings: SETTINGS,
  parentId: ID,
};
const NEGOTIATION = { wants: [OID], haves: [OID], clientShallow: [OID] };
const COMMITS = { kind: "commits", depth: 1, relative: false };
const EXCLUDE = { kind: "exclude", sinceS: 1, not: ["refs/heads/old"] };
const GROUP = {
  groupId: ID,
  historyBytes: 1,
  contentBytes: 1,
  indexBytes: 1,
  historyCount: 1,
  contentCount: 1,
  extentBytes: 1,
};
const PLAN = { ...NEGOTIATION, thinPack: true, ofsDelta: true, includeTag: true };
const FILTERS = [
  { kind: "blob:none" },
  { kind: "blob:limit", bytes: 1 },
  { kind: "tree", depth: 1 },
  { kind: "object:type", type: "blob" },
  { kind: "sparse:oid", oid: OID },
  { kind: "combine", filters: [{ kind: "blob:none" }, { kind: "tree", depth: 1 }] },
];
const LOCATED = {
  oid: OID,
  type: "blob",
  size: 1,
  chain: [{ pack: `${ID}h`, offset: 0, length: 1, extentBytes: 1 }],
};

const WIRE: readonly Shape[] = [
  shape("error", errorBodySchema, { code: "invalid", message: "Text", data: { bytes: 1 } }),
  shape("empty", emptySchema, {}),
  shape("create repository", createRepositorySchema, {
    name: NAME,
    objectFormat: "sha256",
    defaultBranch: "main",
    settings: SETTINGS,
    repositoryId: ID,
    provenance: PROVENANCE,
  }),
  shape("repository", repositoryInfoSchema, INFO),
  shape("repositories", repositoryPageSchema, [INFO]),
  shape("deleted repositories", deletedPageSchema, [
    { ...INFO, deletedAtMs: AT_MS, purgeAtMs: AT_MS },
  ]),
  shape("update repository", updateRepositorySchema, {
    head: "refs/heads/trunk",
    settings: { ...SETTINGS, archived: null },
    ifVersion: "1",
    requestId: ID,
    provenance: PROVENANCE,
  }),
  shape("delete repository", deleteRepositorySchema, { requestId: ID, provenance: PROVENANCE }),
  shape("fork repository", forkRepositorySchema, {
    name: NAME,
    settings: SETTINGS,
    repositoryId: ID,
    provenance: PROVENANCE,
  }),
  shape("rename repository", renameRepositorySchema, {
    from: NAME,
    name: "owner/other",
    requestId: ID,
    provenance: PROVENANCE,
  }),
  shape("purge repository", purgeRepositorySchema, { deletedAtMs: AT_MS }),
  shape("restore repository", restoreRepositorySchema, {
    name: NAME,
    requestId: ID,
    provenance: PROVENANCE,
  }),
  shape("repository usage", repositoryUsageSchema, {
    networkBytes: 1,
    broughtBytes: 1,
    networkRepositoryCount: 1,
    referenceCount: 1,
  }),
  shape("reference query", referenceQuerySchema, { prefixes: ["refs/heads/"] }),
  shape("references begin", referenceHeadSchema, {
    head: { target: "refs/heads/main", oid: OID },
  }),
  shape("references end", referenceEndSchema, { end: 1 }),
  shape("negotiate", negotiateRequestSchema, NEGOTIATION),
  shape("negotiated", negotiateResultSchema, { refused: [OID], common: [OID], ready: true }),
  shape("tag digest", tagDigestSchema, { digest: "0".repeat(64) }),
  shape(
    "deepen",
    deepenRequestSchema,
    ...[COMMITS, EXCLUDE].map((depth) => ({ wants: [OID], clientShallow: [OID], depth })),
  ),
  shape("shallow boundary", shallowBoundarySchema, { shallow: [OID], unshallow: [OID] }),
  shape(
    "plan",
    planRequestSchema,
    ...FILTERS.map((filter) => ({ ...PLAN, depth: COMMITS, filter })),
  ),
  shape("recipe", recipeHeaderSchema, {
    objectFormat: "sha1",
    objectCount: 1,
    shallow: [OID],
    unshallow: [OID],
    packs: [{ pack: `${ID}h`, extentBytes: 1 }],
  }),
  shape("locate", locateRequestSchema, { oids: [OID], scope: "visible" }),
  shape("located", locatedObjectsSchema, [LOCATED]),
  shape("push", pushRequestSchema, {
    pushId: ID,
    commands: [["refs/heads/main", OID, OID]],
    atomic: false,
    group: GROUP,
    pushOptions: ["ci.skip"],
    provenance: PROVENANCE,
    pusher: { role: "write", user: "alice", deployKey: ID },
    signatures: { good: [OID], bad: [OID] },
    judged: { name: NAME, version: "text" },
    uncompared: true,
  }),
  shape("pushed", pushResultSchema, {
    results: [{ name: "refs/heads/main", rejected: "stale" }],
    unchecked: [LOCATED],
    known: [OID],
    outdated: true,
  }),
];

const KEY = { repositoryId: ID, networkId: ID };
const ENTRY = { ...KEY, name: NAME, version: 1 };
const NAME_STATE = { ...ENTRY, confirmed: true, moved: false, atMs: AT_MS };
const REPOSITORY = {
  ...INFO,
  refsVersion: 1,
  nameVersion: 1,
  deleted: true,
  removedAtMs: AT_MS,
};
const BY = { provenance: PROVENANCE };
const CLAIM = { ...ENTRY, atMs: AT_MS };

/** What is asked and answered in each step of the directory. */
const STEPS: Readonly<
  Record<keyof typeof DIRECTORY_STEP_SHAPES, readonly [asked: unknown, answered?: unknown]>
> = {
  name: [{ name: NAME }, NAME_STATE],
  claim: [CLAIM, NAME_STATE],
  confirm: [ENTRY],
  release: [ENTRY],
  move: [CLAIM],
  repository: [KEY, REPOSITORY],
  create: [{ info: INFO, ...BY }, REPOSITORY],
  rename: [{ ...ENTRY, ...BY }, REPOSITORY],
  remove: [{ ...KEY, ...BY }, { ...ENTRY, moves: true }],
  restore: [{ ...ENTRY, ...BY }, REPOSITORY],
  purge: [{ ...KEY, removedBeforeMs: AT_MS, removedAtMs: AT_MS }],
  bar: [CLAIM, true],
  settle: [ENTRY],
  finish: [KEY],
};

const DIRECTORY: readonly Shape[] = Object.entries(STEPS).flatMap(([step, [asked, result]]) => {
  const { question, answer } = DIRECTORY_STEP_SHAPES[step as keyof typeof STEPS];
  return [
    shape(`directory ${step}`, question, asked),
    shape(`directory ${step} answer`, answer, ...(result === undefined ? [{}] : [{ result }])),
  ];
});

const records = new URL("../../../metadata/log/testdata/log_records.jsonl", import.meta.url);

const STORED: readonly Shape[] = [
  shape(
    "log entry",
    logPayloadSchema,
    ...Deno.readTextFileSync(records).trimEnd().split("\n").map((line) => JSON.parse(line)),
  ),
  shape("snapshot begins", snapshotHeadSchema, { snapshot: 4, partition: 7, lsn: 5 }),
  shape("snapshot ends", snapshotEndSchema, { rows: 3 }),
];

/** All of it. */
export const METADATA_SHAPES: readonly Shape[] = [...WIRE, ...DIRECTORY, ...STORED];
