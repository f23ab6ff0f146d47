/**
 * Opening a store: from the files on disk to the index in memory.
 *
 * Sealed segments are taken from their catalogues; a segment that was written when the process died is
 * scanned behind the part that its last catalogue covers. The part of it that is proven to have been on stable storage is sealed.
 * What lies behind is at most the last group of commits; it may exist in the page cache only, if a sync
 * failed before the process died. So its intact records are written and synced again, to a new
 * segment, before anybody is told that they exist; torn ones were acknowledged to nobody.
 *
 * A crash at any point of this leaves records twice on disk, never not at all.
 *
 * @module
 */

import { hasCode } from "@gitstratum/core";
import type { DiskFile } from "@gitstratum/core/disk";
import {
  type Catalogue,
  CatalogueBuilder,
  type DamagedRange,
  type PlacedRecord,
} from "./segment_catalogue.ts";
import {
  decodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  type SegmentHeaderResult,
} from "./segment_format.ts";
import { scanSegment } from "./segment_scan.ts";
import type { SegmentSet } from "./segment_set.ts";
import { unknownVersion } from "./segment_directory.ts";

/** A run of bytes of a segment that was lost. */
export interface SegmentDamage extends DamagedRange {
  /** Number of the segment. */
  readonly segment: number;
}

/** What opening a store found. */
export interface RecoveryReport {
  /** Segments of which a part was read record by record, since no catalogue covers it. */
  readonly scannedSegments: number;
  /** Bytes that were written but never on stable storage. */
  readonly tornBytes: number;
  /** Records at the end of segments that were written again. */
  readonly rewrittenRecords: number;
  /** What was on stable storage and is lost. */
  readonly damage: readonly SegmentDamage[];
}

interface FoundSegment {
  readonly header: SegmentHeader;
  readonly fileBytes: number;
  /** From the catalogue. */
  readonly records: Iterable<PlacedRecord>;
  readonly damage: readonly DamagedRange[];
  /** Absent when the catalogue told everything. */
  readonly tail?: SegmentTail;
}

/** What a scan found behind the part that a catalogue covers. */
interface SegmentTail {
  readonly provenBytes: number;
  readonly tornBytes: number;
  readonly proven: readonly PlacedRecord[];
  readonly unproven: readonly PlacedRecord[];
}

/** A segment that is to be cut and sealed. */
interface UnfinishedSegment extends FoundSegment {
  readonly tail: SegmentTail;
}

/**
 * Fills a set and its index from the files of its directory.
 *
 * @returns the report and the greatest sequence number found
 * @throws `unsupported` when a segment is of a version that this code does not know
 */
export async function recover(
  set: SegmentSet,
): Promise<{ readonly report: RecoveryReport; readonly lastSequence: number }> {
  const damage: SegmentDamage[] = [];
  const unfinished: UnfinishedSegment[] = [];
  let scannedSegments = 0;
  let tornBytes = 0;
  let lastSequence = 0;
  set.reserveNumber(set.directory.lastNumber());
  for (const number of set.directory.segments()) {
    const segment = await findSegment(set, number, damage);
    if (segment === undefined) continue;
    for (const range of segment.damage) damage.push({ segment: number, ...range });
    adopt(set, segment);
    lastSequence = Math.max(lastSequence, fillIndex(set, segment));
    const { tail } = segment;
    if (tail === undefined) continue;
    unfinished.push({ ...segment, tail });
    scannedSegments++;
    tornBytes += tail.tornBytes;
  }
  const rewrittenRecords = await finishTails(set, unfinished);
  set.index.dropNeedlessDeletes();
  return { report: { scannedSegments, tornBytes, rewrittenRecords, damage }, lastSequence };
}

function adopt(set: SegmentSet, { header, fileBytes, damage }: FoundSegment): void {
  const damagedBytes = damage.reduce((sum, range) => sum + range.bytes, 0);
  set.adopt({ header, bytes: fileBytes, sealed: true, unsettledCount: 0, damagedBytes });
}

/** Reads what a segment holds; undefined when it holds nothing that could be used. */
async function findSegment(
  set: SegmentSet,
  number: number,
  damage: SegmentDamage[],
): Promise<FoundSegment | undefined> {
  const file = set.directory.reader(number);
  const catalogue = set.directory.readCatalogue(number);
  const header = readHeader(file, number, catalogue);
  if (header !== undefined) {
    const same = catalogue?.header.marker === header.marker ? catalogue : undefined;
    return readSegment(file, header, same);
  }
  const bytes = file.size();
  if (wasNeverCommitted(file)) {
    await set.directory.remove(number);
  } else {
    await set.directory.quarantine(number);
    damage.push({ segment: number, offset: 0, bytes });
  }
  return undefined;
}

function readHeader(
  file: DiskFile,
  number: number,
  catalogue: Catalogue | undefined,
): SegmentHeader | undefined {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const result: SegmentHeaderResult = decodeSegmentHeader(bytes.subarray(0, file.readAt(bytes, 0)));
  switch (result.kind) {
    case "header":
      return result.header.segment === number ? result.header : catalogue?.header;
    case "damaged":
      return catalogue?.header;
    case "unknown-version":
      throw unknownVersion(number, result.version);
  }
}

/**
 * Whether the header never reached the disk. It is written before anything else and is smaller than a
 * sector, so a crash leaves it whole or not at all; anything between is damage.
 */
function wasNeverCommitted(file: DiskFile): boolean {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
  const count = file.readAt(bytes, 0);
  return count < SEGMENT_HEADER_BYTES || bytes.every((byte) => byte === 0);
}

function readSegment(
  file: DiskFile,
  header: SegmentHeader,
  catalogue: Catalogue | undefined,
): FoundSegment {
  const fileBytes = file.size();
  const covered = catalogue?.coveredBytes ?? SEGMENT_HEADER_BYTES;
  const known = { header, fileBytes, records: catalogue?.records ?? [] };
  const damage = [...catalogue?.damage ?? []];
  if (catalogue !== undefined && covered >= fileBytes) {
    // The last record's padding is never written, so a few bytes less are no loss.
    if (covered - fileBytes >= 8) damage.push({ offset: fileBytes, bytes: covered - fileBytes });
    return { ...known, damage };
  }
  const scan = scanSegment(file, header, covered);
  const isProven = (range: { readonly offset: number }) => range.offset < scan.durableBytes;
  const torn = scan.broken.filter((range) => !isProven(range));
  return {
    ...known,
    damage: [...damage, ...scan.broken.filter(isProven)],
    tail: {
      provenBytes: scan.durableBytes,
      tornBytes: torn.reduce((sum, range) => sum + range.bytes, 0),
      proven: scan.records.filter(isProven),
      unproven: scan.records.filter((record) => !isProven(record)),
    },
  };
}

/** Takes the records of a segment into the index; returns the greatest sequence among them. */
function fillIndex(
  { index }: SegmentSet,
  { header, records, tail }: FoundSegment,
): number {
  let lastSequence = 0;
  for (const placed of [records, tail?.proven ?? [], tail?.unproven ?? []]) {
    for (const record of placed) {
      if (record.kind === "put") index.addCopy(record.key);
      index.apply({ ...record, segment: header.segment });
      lastSequence = Math.max(lastSequence, record.sequence);
    }
  }
  return lastSequence;
}

async function finishTails(
  set: SegmentSet,
  found: readonly UnfinishedSegment[],
): Promise<number> {
  let rewritten = 0;
  try {
    // All of them are written again before any is cut: of two copies of a record, the one that counts
    // may be the one that never reached the disk.
    for (const segment of found) rewritten += await rewriteUnproven(set, segment);
    for (const segment of found) await sealProven(set, segment);
  } catch (error) {
    // A full disk must not keep a store from opening: what is not finished is scanned again next time.
    if (!hasCode(error, "disk-full")) throw error;
  }
  return rewritten;
}

/** Writes the living records that are not proven to a new segment, and syncs them. */
async function rewriteUnproven(
  set: SegmentSet,
  { header, tail }: UnfinishedSegment,
): Promise<number> {
  const moved: Promise<void>[] = [];
  for (const placed of tail.unproven) {
    const record = { ...placed, segment: header.segment };
    if (!set.index.isLiving(record)) continue;
    moved.push(set.append("moved", placed, set.read(record, 0, record.payloadBytes)));
  }
  await Promise.all(moved);
  return moved.length;
}

/** Cuts what is not proven off, and writes the catalogue of the rest. */
async function sealProven(
  set: SegmentSet,
  { header, records, damage, tail }: UnfinishedSegment,
): Promise<void> {
  const number = header.segment;
  const { provenBytes } = tail;
  const isEmpty = provenBytes === SEGMENT_HEADER_BYTES;
  if (isEmpty) await set.remove(number);
  else {
    const file = set.directory.openForWriting(number);
    try {
      file.truncate(provenBytes);
      await file.syncData();
    } finally {
      file.close();
    }
    const catalogue = new CatalogueBuilder(header);
    for (const record of records) catalogue.addRecord(record);
    for (const record of tail.proven) catalogue.addRecord(record);
    for (const range of damage) catalogue.addDamage(range);
    await set.directory.writeCatalogue(number, catalogue.encode(provenBytes));
    set.segment(number).bytes = provenBytes;
  }
  for (const record of tail.unproven) set.index.forget({ ...record, segment: number });
}
