/**
 * Compaction: giving the space of dead records back.
 *
 * The records of a sparse segment that still count are appended elsewhere and synced, the index is
 * turned to the copies, the file is removed and its removal synced; only then are the deletes released
 * that its dead records had needed. A crash between any two steps leaves a record twice, never not at
 * all. Records keep their sequence, so of two copies either may be read.
 *
 * A segment with damage is left alone: what can still be saved of it must not go with it.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";
import { hasCode } from "@gitstratum/core";
import { Pace } from "./pace.ts";
import type { LocatedRecord } from "./record_index.ts";
import type { Segment } from "./segment_directory.ts";
import { RECORD_FIXED_BYTES } from "./segment_format.ts";
import type { SegmentSet } from "./segment_set.ts";

/** Which segments are worth it, and how fast. */
export interface CompactionOptions {
  /** A segment is compacted when at least this part of it is dead; 0.5 unless told. */
  readonly deadPart?: number;
  /** Bytes copied in a second at most. */
  readonly bytesPerSecond?: number;
}

/** What a compaction did. */
export interface CompactionResult {
  /** Segments that were removed. */
  readonly segmentCount: number;
  /** Bytes of records that were moved. */
  readonly movedBytes: number;
  /** Bytes of the removed files less those moved. */
  readonly freedBytes: number;
}

interface CompactionContext extends CompactionOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly segmentBytes: number;
}

/** Moved records are committed in groups of about this many bytes. */
const GROUP_BYTES = 8 * 1024 * 1024;
/** Sealed segments smaller than this part of a full one, once there are a few, are joined. */
const SMALL_PART = 1 / 4;
const SMALL_COUNT = 4;

/** Compacts every segment that is worth it. */
export async function compactStore(
  set: SegmentSet,
  context: CompactionContext,
): Promise<CompactionResult> {
  const pace = new Pace(context);
  const total = { segmentCount: 0, movedBytes: 0, freedBytes: 0 };
  for (const segment of worthwhile(set, context)) {
    if (context.signal.aborted) break;
    const movedBytes = await compactSegment(set, { segment, pace });
    if (movedBytes === undefined) continue;
    total.segmentCount++;
    total.movedBytes += movedBytes;
    total.freedBytes += segment.bytes - movedBytes;
  }
  return total;
}

function worthwhile(set: SegmentSet, context: CompactionContext): Segment[] {
  const deadPart = context.deadPart ?? 0.5;
  const candidates = set.segments().filter((segment) =>
    segment.sealed && segment.unsettledCount === 0 && segment.damagedBytes === 0
  );
  const sparse = candidates.filter((segment) =>
    segment.bytes - set.index.livingBytes(segment.header.segment) >= deadPart * segment.bytes
  );
  const small = candidates.filter((segment) =>
    segment.bytes < SMALL_PART * context.segmentBytes && !sparse.includes(segment)
  );
  return small.length < SMALL_COUNT ? sparse : [...sparse, ...small];
}

/** Compacts one segment; returns the bytes moved, or undefined when it has to stay. */
async function compactSegment(
  set: SegmentSet,
  { segment, pace }: { readonly segment: Segment; readonly pace: Pace },
): Promise<number | undefined> {
  const number = segment.header.segment;
  const catalogue = set.directory.readCatalogue(number);
  if (catalogue?.header.marker !== segment.header.marker) return undefined;
  const records = Array.from(catalogue.records, (record) => ({ ...record, segment: number }));
  try {
    const movedBytes = await moveLiving(set, { records, pace });
    if (movedBytes === undefined) return undefined;
    await set.remove(number);
    for (const record of records) set.index.forget(record);
    return movedBytes;
  } catch (error) {
    if (!hasCode(error, "corrupt")) throw error;
    // The segment keeps what could not be read; reads and scrubbing tell which keys those are.
    segment.damagedBytes += 1;
    return undefined;
  }
}

async function moveLiving(
  set: SegmentSet,
  { records, pace }: {
    readonly records: readonly LocatedRecord[];
    readonly pace: Pace;
  },
): Promise<number | undefined> {
  let movedBytes = 0;
  let group: Promise<void>[] = [];
  let groupBytes = 0;
  for (const record of records) {
    if (!set.index.isLiving(record)) continue;
    group.push(set.append("moved", record, set.read(record, 0, record.payloadBytes)));
    groupBytes += record.payloadBytes + RECORD_FIXED_BYTES;
    if (groupBytes < GROUP_BYTES) continue;
    await Promise.all(group);
    movedBytes += groupBytes;
    if (!await pace.spend(groupBytes)) return undefined;
    group = [];
    groupBytes = 0;
  }
  await Promise.all(group);
  return movedBytes + groupBytes;
}
