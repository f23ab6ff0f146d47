/**
 * What replicas say to each other over HTTP: paths, schemas, and the frame in which writes travel
 * (docs/formats/replica.md).
 *
 * A frame carries whole writes, so that bytes, version and owner arrive together or not at all; its
 * xxh64 is in a header, as with every body of extents.
 *
 * @module
 */

import {
  EXTENT_BATCH_COUNT_MAX,
  EXTENT_BYTES_MAX,
  GitStratumError,
  REPLICA_RANGE_COUNT_MAX,
} from "@gitstratum/core";
import {
  type ExtentId,
  type NodeId,
  parseExtentId,
  parseNetworkId,
  parseNodeId,
} from "@gitstratum/core/rpc";
import { z } from "zod";
import { type PositionRange, type RangeDigest, WHOLE_RING } from "./digest_snapshot.ts";
import type { HintName, ReplicaOutcome, ReplicaWrite } from "./replica_node.ts";
import { isLiving, parseLifeVersion, type ReplicaRecord } from "./replica_record.ts";

/** Path below which a node answers other nodes. */
export const REPLICA_PATH = "/object/v1/replica";
/** Header: the version of the ring by which the caller goes. */
export const RING_VERSION_HEADER = "x-gitstratum-ring";
/** Media type of a frame of writes. */
export const REPLICA_WRITES_TYPE = "application/x-gitstratum-replica-writes";

const MAGIC = 0x47535257; // "GSRW"
const VERSION = 1;
const HEADER_BYTES = 12;
const ROW_BYTES = 16;

/** Bytes of a write in a frame. */
export function frameBytes(write: ReplicaWrite): number {
  const head = ROW_BYTES + write.id.length;
  return write.kind === "living" ? head + write.owner.length + write.bytes.length : head;
}

/** Encodes writes. */
export function encodeReplicaWrites(writes: readonly ReplicaWrite[]): Uint8Array<ArrayBuffer> {
  const length = writes.reduce((sum, write) => sum + frameBytes(write), HEADER_BYTES);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC);
  view.setUint16(4, VERSION, true);
  view.setUint32(8, writes.length, true);
  let at = HEADER_BYTES;
  for (const write of writes) {
    const owner = write.kind === "living" ? write.owner : "";
    const content = write.kind === "living" ? write.bytes : NOTHING;
    view.setUint16(at, write.id.length, true);
    view.setUint16(at + 2, owner.length, true);
    view.setUint32(at + 4, content.length, true);
    view.setBigUint64(at + 8, BigInt(write.version), true);
    encoder.encodeInto(write.id + owner, bytes.subarray(at + ROW_BYTES));
    bytes.set(content, at + ROW_BYTES + write.id.length + owner.length);
    at += frameBytes(write);
  }
  return bytes;
}

/**
 * Decodes writes, which share memory with `bytes`.
 *
 * @throws `invalid` when the frame is broken, or a name or version is none
 */
export function decodeReplicaWrites(bytes: Uint8Array): ReplicaWrite[] {
  if (bytes.length < HEADER_BYTES) throw brokenFrame(bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== MAGIC || view.getUint16(4, true) !== VERSION) throw brokenFrame(0);
  const count = view.getUint32(8, true);
  if (count > EXTENT_BATCH_COUNT_MAX) throw brokenFrame(8);
  const writes: ReplicaWrite[] = [];
  let at = HEADER_BYTES;
  for (let row = 0; row < count; row++) {
    if (at + ROW_BYTES > bytes.length) throw brokenFrame(at);
    const idAt = at + ROW_BYTES;
    const ownerAt = idAt + view.getUint16(at, true);
    const contentAt = ownerAt + view.getUint16(at + 2, true);
    const contentBytes = view.getUint32(at + 4, true);
    if (contentBytes > EXTENT_BYTES_MAX || contentAt + contentBytes > bytes.length) {
      throw brokenFrame(at);
    }
    const id = parseExtentId(decoder.decode(bytes.subarray(idAt, ownerAt)));
    const version = parseLifeVersion(Number(view.getBigUint64(at + 8, true)));
    at = contentAt + contentBytes;
    if (isLiving(version)) {
      const owner = parseNetworkId(decoder.decode(bytes.subarray(ownerAt, contentAt)));
      writes.push({ kind: "living", id, version, owner, bytes: bytes.subarray(contentAt, at) });
    } else {
      if (at !== ownerAt) throw brokenFrame(ownerAt);
      writes.push({ kind: "removed", id, version });
    }
  }
  if (at !== bytes.length) throw brokenFrame(at);
  return writes;
}

function brokenFrame(offset: number): GitStratumError {
  return new GitStratumError("invalid", "Expect a frame of writes", { data: { offset } });
}

const idSchema = z.string().transform((text) => parseExtentId(text));
const versionSchema = z.int().nonnegative().transform((number) => parseLifeVersion(number));
const timeSchema = z.int().nonnegative();
const nameSchema = z.object({
  target: z.string().transform((text) => parseNodeId(text)),
  id: idSchema,
});

/** Schema of {@link ReplicaRecord}. */
export const replicaRecordSchema: z.ZodType<ReplicaRecord> = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("living"),
    id: idSchema,
    version: versionSchema.refine(isLiving),
    owner: z.string().transform((text) => parseNetworkId(text)),
    bytes: z.int().nonnegative(),
    writtenAtMs: timeSchema,
    damaged: z.boolean(),
  }),
  z.object({
    kind: z.literal("removed"),
    id: idSchema,
    version: versionSchema.refine((version) => !isLiving(version)),
    removedAtMs: timeSchema,
  }),
]) as unknown as z.ZodType<ReplicaRecord>;

const outcomeSchema: z.ZodType<ReplicaOutcome> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("stored") }),
  z.object({ kind: z.literal("differs") }),
  z.object({ kind: z.literal("newer"), version: versionSchema }),
]) as unknown as z.ZodType<ReplicaOutcome>;

/** Schema of what merged writes answer, in their order. */
export const outcomesSchema: z.ZodType<{ readonly outcomes: readonly ReplicaOutcome[] }> = z.object(
  { outcomes: z.array(outcomeSchema) },
);

/** Schema of what is known of one extent. */
export const foundSchema: z.ZodType<{ readonly record: ReplicaRecord | null }> = z.object({
  record: replicaRecordSchema.nullable(),
});

/** Schema of a page of records. */
export const recordsSchema: z.ZodType<{ readonly records: readonly ReplicaRecord[] }> = z.object({
  records: z.array(replicaRecordSchema),
});

/** Schema of a page of hints' names. */
export const hintsSchema: z.ZodType<{ readonly hints: readonly HintName[] }> = z.object({
  hints: z.array(nameSchema),
}) as unknown as z.ZodType<{ readonly hints: readonly HintName[] }>;

/** A record that is named by its version. */
export interface NamedVersion {
  /** The extent. */
  readonly id: ExtentId;
  /** The version. */
  readonly version: ReplicaRecord["version"];
}

/** Schema of records to be forgotten. */
export const forgetSchema: z.ZodType<{ readonly records: readonly NamedVersion[] }> = z
  .object({
    records: z.array(z.object({ id: idSchema, version: versionSchema })),
  }) as unknown as z.ZodType<{ readonly records: readonly NamedVersion[] }>;

/** Schema of a hint to be dropped. */
export const dropHintSchema: z.ZodType<HintName & NamedVersion> = nameSchema.extend({
  version: versionSchema,
}) as unknown as z.ZodType<HintName & NamedVersion>;

// The end of the ring is the first integer that `z.int()` refuses.
const positionSchema = z.number().min(0).max(WHOLE_RING.to).refine(Number.isInteger);

/** Schema of a question about parts of the ring. */
export const rangesSchema: z.ZodType<
  { readonly peer: NodeId; readonly ranges: readonly PositionRange[] }
> = z.object({
  peer: z.string().transform((text) => parseNodeId(text)),
  ranges: z.array(z.object({ from: positionSchema, to: positionSchema }))
    .max(REPLICA_RANGE_COUNT_MAX),
});

/** Schema of the digests of such parts, in their order. */
export const digestsSchema: z.ZodType<{ readonly digests: readonly RangeDigest[] }> = z.object({
  digests: z.array(z.object({
    count: z.int().nonnegative(),
    sum: z.string().regex(/^[0-9a-f]{32}$/),
  })),
});

const NOTHING = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
