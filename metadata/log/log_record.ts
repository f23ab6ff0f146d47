/**
 * What the entries of a partition's log say.
 *
 * A record carries the result that the primary decided, never a question to be decided again, so
 * that applying it is the same on every node and at any later time (docs/formats/log-entry.md).
 *
 * Members that are not known are passed over: one that matters to the state raises the version, and no
 * version is written before every node of the cluster reads it (docs/compatibility.md).
 *
 * @module
 */

import { z } from "zod";
import { GitStratumError, hasCode } from "@gitstratum/core";
import type { Lsn } from "@gitstratum/core/consensus";
import { isOid, OBJECT_FORMATS, type ObjectFormat, type Oid } from "@gitstratum/core/git";
import {
  FIRST_RELEASE_LEVEL,
  type GroupId,
  hasLaterSettings,
  type NetworkId,
  type PackGroup,
  packGroupSchema,
  type Provenance,
  provenanceSchema,
  type PushId,
  type RepositoryId,
  type RepositoryName,
  type RepositorySettings,
  repositorySettingsSchema,
  type RequestId,
  type WebhookDelivery,
  webhookDeliverySchema,
} from "@gitstratum/core/rpc";

/** One reference changed: absent means that it did not exist before, or does not any more. */
export interface ReferenceUpdate {
  readonly name: string;
  readonly old?: Oid;
  readonly new?: Oid;
  /** What an annotated tag finally points at. */
  readonly peeled?: Oid;
}

/** A command of a push that was not carried out: its position in the push, and why. */
export interface Rejection {
  readonly index: number;
  readonly reason: string;
}

/** A push that changed at least one reference. */
export interface PushRecord {
  readonly kind: "push";
  readonly repositoryId: RepositoryId;
  readonly networkId: NetworkId;
  readonly pushId: PushId;
  readonly atMs: number;
  readonly commandCount: number;
  /** In the order in which they take effect; a name may come more than once. */
  readonly updates: readonly ReferenceUpdate[];
  readonly rejections: readonly Rejection[];
  readonly group?: PackGroup;
  readonly pushOptions: readonly string[];
  readonly provenance: Provenance;
}

/** What a fork begins with. */
export interface ForkSource {
  /** The repository whose references are copied. */
  readonly parentId: RepositoryId;
  /** Patterns of those that are not. */
  readonly hiddenReferences: readonly string[];
}

/** One change of a partition's state. */
export type LogRecord =
  /** In the name's partition: the name is taken by a repository that is about to get it. */
  | {
    readonly kind: "name-claimed";
    readonly name: RepositoryName;
    /** Drawn for this creation, so it also serves as the claim's nonce. */
    readonly repositoryId: RepositoryId;
    readonly networkId: NetworkId;
    /** How many names the repository had before; absent = none. */
    readonly version?: number;
    readonly atMs: number;
  }
  /** The repository has the name. */
  | {
    readonly kind: "name-confirmed";
    readonly name: RepositoryName;
    readonly repositoryId: RepositoryId;
  }
  /** The name is free, unless another repository has it by now. */
  | {
    readonly kind: "name-released";
    readonly name: RepositoryName;
    readonly repositoryId: RepositoryId;
  }
  /** The repository has another name by now; this one leads to it. */
  | {
    readonly kind: "name-moved";
    readonly name: RepositoryName;
    readonly repositoryId: RepositoryId;
    readonly atMs: number;
  }
  /** In the network's partition. */
  | {
    readonly kind: "repository-created";
    readonly repositoryId: RepositoryId;
    readonly networkId: NetworkId;
    readonly name: RepositoryName;
    readonly objectFormat: ObjectFormat;
    readonly head: string;
    /** All settings; absent = those of a new repository. */
    readonly settings?: RepositorySettings;
    /** Made with the references of another one of the network, as they are at this entry. */
    readonly fork?: ForkSource;
    readonly atMs: number;
    readonly provenance?: Provenance;
  }
  /** It has another name: its names before and after this one count as its versions do. */
  | {
    readonly kind: "repository-renamed";
    readonly repositoryId: RepositoryId;
    readonly name: RepositoryName;
    readonly version: number;
    readonly atMs: number;
    readonly requestId?: RequestId;
    readonly provenance?: Provenance;
  }
  /** Deleted by somebody, with its references kept for a time. */
  | {
    readonly kind: "repository-removed";
    readonly repositoryId: RepositoryId;
    readonly version: number;
    readonly atMs: number;
    readonly requestId?: RequestId;
    readonly provenance?: Provenance;
  }
  /** Brought back. */
  | {
    readonly kind: "repository-restored";
    readonly repositoryId: RepositoryId;
    readonly name: RepositoryName;
    readonly version: number;
    readonly atMs: number;
    readonly requestId?: RequestId;
    readonly provenance?: Provenance;
  }
  /** A claim with this version will never be the repository's name. */
  | {
    readonly kind: "name-version-raised";
    readonly repositoryId: RepositoryId;
    readonly version: number;
  }
  /** The directory knows what became of the name that the repository had in this version. */
  | {
    readonly kind: "name-settled";
    readonly repositoryId: RepositoryId;
    readonly version: number;
  }
  /** Gone for good, or barred from being created after its name was taken back. */
  | {
    readonly kind: "repository-deleted";
    readonly repositoryId: RepositoryId;
    readonly networkId: NetworkId;
    readonly name: RepositoryName;
    readonly atMs: number;
    readonly provenance?: Provenance;
  }
  /** The deleted repository's name has been released: nothing is left to repair. */
  | { readonly kind: "deletion-finished"; readonly repositoryId: RepositoryId }
  | {
    readonly kind: "head-changed";
    readonly repositoryId: RepositoryId;
    readonly head: string;
    readonly atMs: number;
    readonly requestId?: RequestId;
    readonly provenance?: Provenance;
  }
  /** All settings as they are from now on. */
  | {
    readonly kind: "settings-changed";
    readonly repositoryId: RepositoryId;
    readonly settings: RepositorySettings;
    readonly atMs: number;
    readonly requestId?: RequestId;
    readonly provenance?: Provenance;
  }
  /** A request found nothing to do, or too much: it is not carried out later either. */
  | {
    readonly kind: "request-noted";
    readonly repositoryId: RepositoryId;
    readonly requestId: RequestId;
    readonly atMs: number;
  }
  | PushRecord
  /** Groups that no repository of the network needs any more. */
  | {
    readonly kind: "groups-freed";
    readonly networkId: NetworkId;
    readonly groupIds: readonly GroupId[];
    readonly atMs: number;
  }
  /** What webhooks were told: every delivery of acts up to the cursor is in these records. */
  | {
    readonly kind: "webhooks-told";
    readonly cursor: Lsn;
    readonly deliveries: readonly WebhookDelivery[];
  }
  /** The partition's state after an lsn is kept in extents of part `s`, so the log before may go. */
  | {
    readonly kind: "snapshot-taken";
    readonly snapshotId: GroupId;
    readonly lsn: number;
    readonly bytes: number;
    readonly extentBytes: number;
    /** SHA-256 of the snapshot in hexadecimal digits. */
    readonly digest: string;
  }
  /** Stands for a record that is kept in extents of part `l`, because it is too large for the log. */
  | {
    readonly kind: "spilled";
    readonly payloadId: GroupId;
    readonly bytes: number;
    readonly extentBytes: number;
  };

/** Versions of kinds, oldest first, that are not those of version 1. */
const LATER_KINDS: Partial<Record<LogRecord["kind"], readonly number[]>> = {
  "webhooks-told": [6],
  // Version 5 counts the names of a repository and knows of forks.
  "name-claimed": [1, 5],
  "name-moved": [5],
  "repository-renamed": [5],
  "repository-removed": [5],
  "repository-restored": [5],
  "name-version-raised": [5],
  "name-settled": [5],
  "groups-freed": [7],
  // Version 4 says who did it, and by which key or token.
  "repository-created": [1, 4, 5, 8],
  "repository-deleted": [1, 4],
  "head-changed": [1, 4],
  "push": [1, 4],
  // Version 3 has settings of bundles and packs that are elsewhere, 4 has visibility, protected
  // references, description and archived, 8 has any that a later release knows.
  "settings-changed": [2, 3, 4, 8],
  "snapshot-taken": [3],
  "request-noted": [8],
};

/** The newest version of any kind. */
const VERSION_NEWEST = 8;

/** The release level from which on a version is written, where that is not the first. */
const VERSION_LEVELS: Readonly<Record<number, number>> = { 8: 2 };

/** The versions that a kind may have: readers that know no newer one still read the other kinds. */
function versionsOf(kind: LogRecord["kind"]): readonly number[] {
  return LATER_KINDS[kind] ?? [1];
}

/** The version that a record is written in: one that has all its members, and no later one. */
function versionOf(record: LogRecord): number {
  const versions = versionsOf(record.kind);
  if (record.kind !== "settings-changed" && record.kind !== "repository-created") {
    return versions.at(-1)!;
  }
  const { settings } = record;
  return versions.at(settings !== undefined && hasLaterSettings(settings) ? -1 : -2)!;
}

const id = z.string().regex(/^[0-9a-f]{32}$/);
const name = z.string().min(1).max(256);
const atMs = z.number().int().nonnegative();
const version = z.number().int().nonnegative();

/** A row of an update: name, old id or "", new id or "", and the peeled id where there is one. */
type UpdateRow = readonly [string, string, string, string?];

const isOidOrEmpty = (value: unknown): boolean =>
  typeof value === "string" && (value === "" || isOid(value));

function isUpdateRow(row: unknown): row is UpdateRow {
  return Array.isArray(row) && (row.length === 3 || row.length === 4) &&
    typeof row[0] === "string" && row[0].length > 0 && row.slice(1).every(isOidOrEmpty);
}

const updates = z.array(z.custom<UpdateRow>(isUpdateRow)).transform((rows) =>
  rows.map(([name, old, new_, peeled]) => ({
    name,
    ...(old === "" ? {} : { old: old as Oid }),
    ...(new_ === "" ? {} : { new: new_ as Oid }),
    ...(peeled === undefined ? {} : { peeled: peeled as Oid }),
  }))
);

const rejections = z.array(z.tuple([z.number().int().nonnegative(), z.string()])).transform((
  rows,
) => rows.map(([index, reason]) => ({ index, reason })));

const provenance = provenanceSchema;

const recordSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("name-claimed"),
    name,
    repositoryId: id,
    networkId: id,
    version: version.optional(),
    atMs,
  }),
  z.object({ kind: z.literal("name-confirmed"), name, repositoryId: id }),
  z.object({ kind: z.literal("name-released"), name, repositoryId: id }),
  z.object({ kind: z.literal("name-moved"), name, repositoryId: id, atMs }),
  z.object({
    kind: z.literal("repository-created"),
    repositoryId: id,
    networkId: id,
    name,
    objectFormat: z.enum(OBJECT_FORMATS),
    head: z.string().min(1),
    settings: repositorySettingsSchema.optional(),
    fork: z.object({ parentId: id, hiddenReferences: z.array(z.string()) }).optional(),
    atMs,
    provenance: provenance.optional(),
  }),
  z.object({
    kind: z.literal("repository-renamed"),
    repositoryId: id,
    name,
    version,
    atMs,
    requestId: id.optional(),
    provenance: provenance.optional(),
  }),
  z.object({
    kind: z.literal("repository-removed"),
    repositoryId: id,
    version,
    atMs,
    requestId: id.optional(),
    provenance: provenance.optional(),
  }),
  z.object({
    kind: z.literal("repository-restored"),
    repositoryId: id,
    name,
    version,
    atMs,
    requestId: id.optional(),
    provenance: provenance.optional(),
  }),
  z.object({ kind: z.literal("name-version-raised"), repositoryId: id, version }),
  z.object({ kind: z.literal("name-settled"), repositoryId: id, version }),
  z.object({ kind: z.literal("request-noted"), repositoryId: id, requestId: id, atMs }),
  z.object({ kind: z.literal("groups-freed"), networkId: id, groupIds: z.array(id), atMs }),
  z.object({
    kind: z.literal("repository-deleted"),
    repositoryId: id,
    networkId: id,
    name,
    atMs,
    provenance: provenance.optional(),
  }),
  z.object({ kind: z.literal("deletion-finished"), repositoryId: id }),
  z.object({
    kind: z.literal("head-changed"),
    repositoryId: id,
    head: z.string().min(1),
    atMs,
    requestId: id.optional(),
    provenance: provenance.optional(),
  }),
  z.object({
    kind: z.literal("settings-changed"),
    repositoryId: id,
    settings: repositorySettingsSchema,
    atMs,
    requestId: id.optional(),
    provenance: provenance.optional(),
  }),
  z.object({
    kind: z.literal("push"),
    repositoryId: id,
    networkId: id,
    pushId: id,
    atMs,
    commandCount: z.number().int().positive(),
    updates,
    rejections,
    group: packGroupSchema.optional(),
    pushOptions: z.array(z.string()),
    provenance,
  }),
  z.object({
    kind: z.literal("webhooks-told"),
    cursor: z.number().int().nonnegative(),
    deliveries: z.array(webhookDeliverySchema),
  }),
  z.object({
    kind: z.literal("snapshot-taken"),
    snapshotId: id,
    lsn: z.number().int().positive(),
    bytes: z.number().int().positive(),
    extentBytes: z.number().int().positive(),
    digest: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  z.object({
    kind: z.literal("spilled"),
    payloadId: id,
    bytes: z.number().int().positive(),
    extentBytes: z.number().int().positive(),
  }),
]);

const versionSchema = z.object({ v: z.number() });
/** Schema of a payload. */
export const logPayloadSchema: z.ZodType<{ readonly v: number; readonly record: unknown }> =
  versionSchema.extend({ record: recordSchema })
    .refine(({ v, record }) => versionsOf(record.kind).includes(v));

function updateRow(update: ReferenceUpdate): UpdateRow {
  const row = [update.name, update.old ?? "", update.new ?? ""] as const;
  return update.peeled === undefined ? row : [...row, update.peeled];
}

/**
 * The payload of a record, in a cluster of a release level. Equal records give equal bytes.
 *
 * @throws `unsupported` when not all nodes of such a cluster could read it
 */
export function encodeLogRecord(record: LogRecord, releaseLevel: number): Uint8Array<ArrayBuffer> {
  const v = versionOf(record);
  const level = VERSION_LEVELS[v] ?? FIRST_RELEASE_LEVEL;
  if (level > releaseLevel) {
    throw new GitStratumError("unsupported", "Wait with a record until all nodes can read it", {
      data: { kind: record.kind, version: v, level, releaseLevel },
    });
  }
  const value = record.kind !== "push" ? record : {
    ...record,
    updates: record.updates.map(updateRow),
    rejections: record.rejections.map(({ index, reason }) => [index, reason]),
  };
  return new TextEncoder().encode(JSON.stringify({ v, record: value }));
}

/**
 * Reads a payload back.
 *
 * @throws `unsupported` when a later release wrote it, `corrupt` when it is no record: a node must not
 * guess at the truth
 */
export function decodeLogRecord(payload: Uint8Array): LogRecord {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(payload);
    const value: unknown = JSON.parse(text);
    checkVersion(value);
    return logPayloadSchema.parse(value).record as LogRecord;
  } catch (cause) {
    if (hasCode(cause, "unsupported")) throw cause;
    throw new GitStratumError("corrupt", "Read a log entry", {
      data: { bytes: payload.length },
      cause,
    });
  }
}

function checkVersion(value: unknown): void {
  const { v } = versionSchema.parse(value);
  if (v <= VERSION_NEWEST) return;
  throw new GitStratumError("unsupported", "Meet a log entry of a later release", {
    data: { version: v, versionNewest: VERSION_NEWEST },
  });
}
