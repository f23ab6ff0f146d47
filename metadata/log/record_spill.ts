/**
 * Records too large for the log: their bytes go to extents, the log names them.
 *
 * The extents are durable before the entry that names them is appended, so that append stays the
 * commit point. They live until the log is truncated past the entry; those of an append that failed
 * are swept like the packs of a push that failed.
 *
 * @module
 */

import { EXTENT_BYTES, GitStratumError, LOG_RECORD_BYTES_MAX, type Random } from "@gitstratum/core";
import {
  type ExtentId,
  extentId,
  type ExtentStore,
  type GroupId,
  newGroupId,
  packId,
  packRanges,
  RELEASE_LEVEL,
} from "@gitstratum/core/rpc";
import { decodeLogRecord, encodeLogRecord, type PushRecord } from "./log_record.ts";
import type { LogRecord } from "./log_record.ts";

/** The entry that stands in the log for a spilled record. */
export type SpilledRecord = LogRecord & { readonly kind: "spilled" };

/** Writes and reads spilled records. */
export class RecordSpill {
  readonly #extents: ExtentStore;
  readonly #random: Random;
  /** The release level of the cluster now: what records may say. */
  readonly releaseLevel: () => number;

  /** Spills to `extents`, under ids drawn from `random`. A node that is alone writes what it knows. */
  constructor(
    extents: ExtentStore,
    random: Random,
    options: { readonly releaseLevel?: () => number } = {},
  ) {
    this.#extents = extents;
    this.#random = random;
    this.releaseLevel = options.releaseLevel ?? (() => RELEASE_LEVEL);
  }

  /**
   * Stores the encoded form of a push. Durable when it resolves.
   *
   * @throws `exhausted` when it is larger than any record may be; errors of the extent store
   */
  async write(record: PushRecord, payload: Uint8Array<ArrayBuffer>): Promise<SpilledRecord> {
    if (payload.length > LOG_RECORD_BYTES_MAX) {
      throw new GitStratumError("exhausted", "Log a push above the size limit", {
        data: { bytes: payload.length, bytesMax: LOG_RECORD_BYTES_MAX },
      });
    }
    const payloadId = newGroupId(this.#random);
    const ids = spillExtents({ payloadId, bytes: payload.length, extentBytes: EXTENT_BYTES });
    const writes = ids.map((id, index) => ({
      id,
      bytes: payload.subarray(index * EXTENT_BYTES, (index + 1) * EXTENT_BYTES),
    }));
    for (const write of writes) await this.#extents.write(record.networkId, [write]);
    return { kind: "spilled", payloadId, bytes: payload.length, extentBytes: EXTENT_BYTES };
  }

  /**
   * Reads a record back.
   *
   * @throws `corrupt` when its bytes are not a record; errors of the extent store
   */
  async read(spilled: SpilledRecord): Promise<LogRecord> {
    const bytes = new Uint8Array(spilled.bytes);
    let position = 0;
    const pack = packId(spilled.payloadId, "l");
    const whole = { offset: 0, length: spilled.bytes, extentBytes: spilled.extentBytes };
    for (const range of packRanges(pack, whole)) {
      bytes.set(await this.#extents.read(range.id, range), position);
      position += range.length;
    }
    return decodeLogRecord(bytes);
  }

  /** Removes the extents of a spilled record. */
  async remove(spilled: SpillExtents): Promise<void> {
    await this.#extents.remove(spillExtents(spilled));
  }
}

/** Where a spilled record lies. */
export interface SpillExtents {
  readonly payloadId: GroupId;
  readonly bytes: number;
  readonly extentBytes: number;
}

function spillExtents(spilled: SpillExtents): ExtentId[] {
  const count = Math.ceil(spilled.bytes / spilled.extentBytes);
  const pack = packId(spilled.payloadId, "l");
  return Array.from({ length: count }, (_, index) => extentId(pack, index));
}

/** The payload of a record, and what it stands for where that lies elsewhere. */
export interface LogPayload {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly spilled?: SpilledRecord;
}

/**
 * Encodes a record for the log, spilling it when it is larger than `inlineBytesMax`.
 *
 * @throws `unsupported` when not all nodes of the cluster could read it, `exhausted`
 */
export async function logPayload(
  record: LogRecord,
  spill: RecordSpill,
  inlineBytesMax: number,
): Promise<LogPayload> {
  const releaseLevel = spill.releaseLevel();
  const bytes = encodeLogRecord(record, releaseLevel);
  if (bytes.length <= inlineBytesMax) return { bytes };
  if (record.kind !== "push") {
    throw new GitStratumError("exhausted", "Log a record above the size limit", {
      data: { kind: record.kind, bytes: bytes.length, bytesMax: inlineBytesMax },
    });
  }
  const spilled = await spill.write(record, bytes);
  return { bytes: encodeLogRecord(spilled, releaseLevel), spilled };
}
