/**
 * Shapes of the metadata contract on the wire: schemas that both ends validate with.
 *
 * Ids and commands come in thousands, so lists of them are checked by plain loops, and commands
 * travel as rows.
 *
 * Members that a later release added are passed over: one that a question is about is sent only once all
 * nodes understand it (docs/compatibility.md).
 *
 * @module
 */

import { z } from "zod";
import { checkedText } from "../checked_text.ts";
import { parseAccountName } from "../../access/principal.ts";
import type { Pusher } from "../../access/reference_denial.ts";
import { ROLES } from "../../access/role.ts";
import type { ObjectFilter } from "../../git/object_filter.ts";
import { isOid, OBJECT_FORMATS, type Oid } from "../../git/oid.ts";
import { GitStratumError } from "../../error.ts";
import type { Partition } from "../../consensus/log.ts";
import { FILTER_DEPTH_MAX, PARTITION_COUNT } from "../../limits.ts";
import {
  parseNetworkId,
  parsePackId,
  parsePushId,
  parseRepositoryId,
  parseRequestId,
  type PushId,
} from "../ids.ts";
import type {
  CreateRepositoryRequest,
  DeleteRepositoryRequest,
  Depth,
  EntryLocation,
  LocatedObject,
  LocateScope,
  NegotiateRequest,
  NegotiateResult,
  PlanRequest,
  PushRequest,
  PushResult,
  ReferenceCommand,
  ReferenceQuery,
  RepositoryInfo,
  ShallowBoundary,
  UpdateRepositoryRequest,
} from "./metadata.ts";
import { packGroupSchema } from "./pack_group.ts";
import { provenanceSchema } from "./provenance.ts";
import type { DeletedRepository } from "../repository/repository_life.ts";
import { parseRepositoryName } from "../repository/repository_name.ts";
import {
  repositorySettingsChangeSchema,
  repositorySettingsSchema,
} from "../repository/repository_settings.ts";

const count = z.number().int().nonnegative();
const oid = z.custom<Oid>((value) => typeof value === "string" && isOid(value));
const oids = z.custom<readonly Oid[]>((value) =>
  Array.isArray(value) && value.every((item) => typeof item === "string" && isOid(item))
);
const objectType = z.enum(["commit", "tree", "blob", "tag"]);

/** Schema of {@link CreateRepositoryRequest}. */
export const createRepositorySchema: z.ZodType<CreateRepositoryRequest> = z.object({
  name: checkedText(parseRepositoryName),
  objectFormat: z.enum(OBJECT_FORMATS),
  defaultBranch: z.string().min(1),
  settings: repositorySettingsChangeSchema.optional(),
  repositoryId: checkedText(parseRepositoryId).optional(),
  provenance: provenanceSchema.optional(),
}) as unknown as z.ZodType<CreateRepositoryRequest>;

const repositoryInfo = z.object({
  name: checkedText(parseRepositoryName),
  repositoryId: checkedText(parseRepositoryId),
  networkId: checkedText(parseNetworkId),
  objectFormat: z.enum(OBJECT_FORMATS),
  head: z.string().min(1),
  createdAtMs: count,
  settings: repositorySettingsSchema,
  parentId: checkedText(parseRepositoryId).optional(),
});

/** Schema of {@link RepositoryInfo}. */
export const repositoryInfoSchema: z.ZodType<RepositoryInfo> =
  repositoryInfo as unknown as z.ZodType<RepositoryInfo>;

/** Schema of a page of deleted repositories. */
export const deletedPageSchema: z.ZodType<DeletedRepository[]> = z.array(
  repositoryInfo.extend({ deletedAtMs: count, purgeAtMs: count }),
) as unknown as z.ZodType<DeletedRepository[]>;

/** Schema of {@link UpdateRepositoryRequest}. */
export const updateRepositorySchema: z.ZodType<UpdateRepositoryRequest> = z.object({
  head: z.string().min(1).optional(),
  settings: repositorySettingsChangeSchema.optional(),
  ifVersion: z.string().optional(),
  requestId: checkedText(parseRequestId).optional(),
  provenance: provenanceSchema.optional(),
}) as unknown as z.ZodType<UpdateRepositoryRequest>;

/** Schema of {@link DeleteRepositoryRequest}. */
export const deleteRepositorySchema: z.ZodType<DeleteRepositoryRequest> = z.object({
  requestId: checkedText(parseRequestId).optional(),
  provenance: provenanceSchema.optional(),
}) as unknown as z.ZodType<DeleteRepositoryRequest>;

/** Schema of a page of repositories. */
export const repositoryPageSchema: z.ZodType<RepositoryInfo[]> = z.array(repositoryInfoSchema);

/**
 * Partition numbers as a query carries them, separated by commas.
 *
 * @throws `invalid` when one is no partition
 */
export function parsePartitions(text: string): Partition[] {
  return text.split(",").map((part) => {
    const partition = /^[0-9]{1,6}$/.test(part) ? Number(part) : NaN;
    if (partition < PARTITION_COUNT) return partition as Partition;
    throw new GitStratumError("invalid", "Expect partition numbers", {
      data: { found: part.slice(0, 40), count: PARTITION_COUNT },
    });
  });
}

/** Schema of an answer without content. */
export const emptySchema: z.ZodType<Record<string, never>> = z.object({});

/** Schema of {@link ReferenceQuery}. */
export const referenceQuerySchema: z.ZodType<ReferenceQuery> = z.object({
  prefixes: z.array(z.string()),
});

const negotiateShape = { wants: oids, haves: oids, clientShallow: oids };

/** Schema of {@link NegotiateRequest}. */
export const negotiateRequestSchema: z.ZodType<NegotiateRequest> = z.object(negotiateShape);

/** Schema of {@link NegotiateResult}. */
export const negotiateResultSchema: z.ZodType<NegotiateResult> = z.object({
  refused: oids,
  common: oids,
  ready: z.boolean(),
});

/** Schema of the answer of `Metadata.tagDigest`. */
export const tagDigestSchema: z.ZodType<{ readonly digest: string }> = z.object({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});

const depthSchema: z.ZodType<Depth> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("commits"), depth: count, relative: z.boolean() }),
  z.object({
    kind: z.literal("exclude"),
    sinceS: z.number().int().optional(),
    not: z.array(z.string()),
  }),
]) as unknown as z.ZodType<Depth>;

/** Schema of filters of at most `depth` levels. */
function filterSchema(depth: number): z.ZodType<ObjectFilter> {
  const simple = [
    z.object({ kind: z.literal("blob:none") }),
    z.object({ kind: z.literal("blob:limit"), bytes: count }),
    z.object({ kind: z.literal("tree"), depth: count }),
    z.object({ kind: z.literal("object:type"), type: objectType }),
    z.object({ kind: z.literal("sparse:oid"), oid }),
  ] as const;
  if (depth === 1) return z.union(simple);
  const filters = z.array(filterSchema(depth - 1));
  return z.union([...simple, z.object({ kind: z.literal("combine"), filters })]);
}

/** What `Metadata.deepen` is asked. */
export interface DeepenRequest {
  /** What the client asks for. */
  readonly wants: readonly Oid[];
  /** Commits that the client holds without their parents. */
  readonly clientShallow: readonly Oid[];
  /** How deep it wants history. */
  readonly depth: Depth;
}

/** Schema of {@link DeepenRequest}. */
export const deepenRequestSchema: z.ZodType<DeepenRequest> = z.object({
  wants: oids,
  clientShallow: oids,
  depth: depthSchema,
});

/** Schema of {@link ShallowBoundary}. */
export const shallowBoundarySchema: z.ZodType<ShallowBoundary> = z.object({
  shallow: oids,
  unshallow: oids,
});

/** Schema of {@link PlanRequest}. */
export const planRequestSchema: z.ZodType<PlanRequest> = z.object({
  ...negotiateShape,
  depth: depthSchema.optional(),
  filter: filterSchema(FILTER_DEPTH_MAX).optional(),
  thinPack: z.boolean(),
  ofsDelta: z.boolean(),
  includeTag: z.boolean(),
}) as unknown as z.ZodType<PlanRequest>;

/** What `Metadata.locate` is asked. */
export interface LocateRequest {
  /** The objects. */
  readonly oids: readonly Oid[];
  /** What must reach them. */
  readonly scope: LocateScope;
}

/** Schema of {@link LocateRequest}. */
export const locateRequestSchema: z.ZodType<LocateRequest> = z.object({
  oids,
  scope: z.enum(["visible", "repository", "network"]),
});

const entryLocationSchema: z.ZodType<EntryLocation> = z.object({
  pack: checkedText(parsePackId),
  offset: count,
  length: count,
  extentBytes: count,
});

/** Schema of an answer of `Metadata.locate`. */
export const locatedObjectsSchema: z.ZodType<LocatedObject[]> = z.array(z.object({
  oid,
  type: objectType,
  size: count,
  chain: z.array(entryLocationSchema),
}));

const pusherSchema: z.ZodType<Pusher> = z.object({
  role: z.enum(ROLES),
  user: checkedText(parseAccountName).optional(),
  deployKey: z.string().optional(),
}) as unknown as z.ZodType<Pusher>;

/** A command as it travels: name, old id, new id. */
type CommandRow = readonly [string, Oid, Oid];

function isCommandRow(row: unknown): row is CommandRow {
  return Array.isArray(row) && row.length === 3 &&
    row.every((item) => typeof item === "string") && isOid(row[1]!) && isOid(row[2]!);
}

const commandRows = z.custom<readonly CommandRow[]>((value) =>
  Array.isArray(value) && value.every(isCommandRow)
).transform((rows): ReferenceCommand[] =>
  rows.map(([name, oldOid, newOid]) => ({ name, oldOid, newOid }))
);

/** Schema of what {@link pushBody} makes; gives a {@link PushRequest}. */
export const pushRequestSchema: z.ZodType<PushRequest> = z.object({
  pushId: checkedText(parsePushId),
  commands: commandRows,
  atomic: z.boolean(),
  group: packGroupSchema.optional(),
  pushOptions: z.array(z.string()),
  provenance: provenanceSchema,
  pusher: pusherSchema.optional(),
  signatures: z.object({ good: oids, bad: oids }).optional(),
  judged: z.object({ name: checkedText(parseRepositoryName), version: z.string() }).optional(),
  uncompared: z.literal(true).optional(),
}) as unknown as z.ZodType<PushRequest>;

/** A push as it travels, less its index. */
export type PushBody = Omit<PushRequest, "commands" | "pushId" | "freshIndex"> & {
  readonly pushId: PushId;
  readonly commands: readonly CommandRow[];
};

/** The wire form of a push; its index travels beside it (see `push_frame.ts`). */
export function pushBody(request: PushRequest): PushBody {
  const { freshIndex: _, ...rest } = request;
  const commands = request.commands.map(({ name, oldOid, newOid }) =>
    [name, oldOid, newOid] as const
  );
  return { ...rest, commands };
}

/** Schema of {@link PushResult}. */
export const pushResultSchema: z.ZodType<PushResult> = z.object({
  results: z.array(z.object({ name: z.string(), rejected: z.string().optional() })),
  unchecked: locatedObjectsSchema.optional(),
  known: oids.optional(),
  outdated: z.literal(true).optional(),
}) as unknown as z.ZodType<PushResult>;

/** Row numbers as they travel: 32 bits each, little-endian. */
export function encodeRows(rows: Uint32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(rows.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, row] of rows.entries()) view.setUint32(index * 4, row, true);
  return bytes;
}

/**
 * Row numbers from their wire form.
 *
 * @throws `unavailable` when the last one is cut off
 */
export function decodeRows(bytes: Uint8Array): Uint32Array<ArrayBuffer> {
  if (bytes.length % 4 !== 0) {
    throw new GitStratumError("unavailable", "Receive row numbers that are cut off", {
      data: { bytes: bytes.length },
    });
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rows = new Uint32Array(bytes.length / 4);
  for (let index = 0; index < rows.length; index++) rows[index] = view.getUint32(index * 4, true);
  return rows;
}
