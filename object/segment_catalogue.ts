/**
 * Catalogues: a snapshot of what a segment holds, in a file beside it (docs/formats/segment.md).
 *
 * The index is rebuilt at start from the catalogues, plus the tails of segments that grew after their
 * catalogue was written: a segment gets its first ones while it grows, the last one when it is sealed. A catalogue is written after its segment was synced, so all it lists is on
 * stable storage; and it remembers damage that was found, which must not be forgotten with a restart.
 *
 * Pure functions, no I/O.
 *
 * @module
 */

import { getUint64, readAscii, setUint64, writeAscii } from "./binary.ts";
import { checksum64 } from "./checksum.ts";
import { KIND_CODES, type RecordHead, recordKindOf, type SegmentHeader } from "./segment_format.ts";

/** A record and where it starts. */
export interface PlacedRecord extends RecordHead {
  /** Offset of the record's head in its segment. */
  readonly offset: number;
}

/** A run of bytes that once was on stable storage and no longer passes its checksums. */
export interface DamagedRange {
  /** Offset in the segment. */
  readonly offset: number;
  /** Length in bytes. */
  readonly bytes: number;
}

/** What a catalogue says. */
export interface Catalogue {
  readonly header: SegmentHeader;
  /** The rows tell everything of the segment up to this offset, and it is on stable storage. */
  readonly coveredBytes: number;
  /** Decoded anew each time they are gone through: there may be hundreds of thousands. */
  readonly records: Iterable<PlacedRecord>;
  readonly damage: readonly DamagedRange[];
}

const MAGIC = 0x47535358; // "GSSX"
const VERSION = 1;
const HEADER_BYTES = 40;
const ROW_FIXED_BYTES = 27;
const DAMAGE_CODE = 3;

/** How much of a catalogue there was at a moment. */
export interface CatalogueMark {
  readonly end: number;
  /** Number of rows. */
  readonly rowCount: number;
}

/** Collects the rows of a segment's catalogue while the segment is written. */
export class CatalogueBuilder {
  readonly #header: SegmentHeader;
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #end = HEADER_BYTES;
  #rowCount = 0;

  /** Starts the catalogue of a segment. */
  constructor(header: SegmentHeader) {
    this.#header = header;
  }

  /** Adds a record. */
  addRecord(record: PlacedRecord): void {
    const at = this.#addRow(record.key.length + record.owner.length);
    const view = this.#view;
    view.setUint32(at, record.offset, true);
    view.setUint32(at + 4, record.payloadBytes, true);
    setUint64(view, at + 8, record.sequence);
    setUint64(view, at + 16, record.writtenAtMs);
    view.setUint8(at + 24, KIND_CODES[record.kind]);
    view.setUint8(at + 25, record.key.length);
    view.setUint8(at + 26, record.owner.length);
    writeAscii(this.#bytes, at + ROW_FIXED_BYTES, record.key);
    writeAscii(this.#bytes, at + ROW_FIXED_BYTES + record.key.length, record.owner);
  }

  /** Adds a damaged range. */
  addDamage(range: DamagedRange): void {
    const at = this.#addRow(0);
    this.#view.setUint32(at, range.offset, true);
    this.#view.setUint32(at + 4, range.bytes, true);
    this.#view.setUint8(at + 24, DAMAGE_CODE);
  }

  /** The rows added so far, to be encoded later without those that follow. */
  mark(): CatalogueMark {
    return { end: this.#end, rowCount: this.#rowCount };
  }

  /**
   * Encodes the catalogue of what was added up to a mark (up to now, without one), which tells
   * everything before `coveredBytes`.
   */
  encode(coveredBytes: number, mark: CatalogueMark = this.mark()): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(mark.end + 8);
    bytes.set(this.#bytes.subarray(0, mark.end));
    const view = new DataView(bytes.buffer);
    view.setUint32(0, MAGIC);
    view.setUint16(4, VERSION, true);
    view.setUint32(8, this.#header.segment, true);
    view.setUint32(12, this.#header.blockBytes, true);
    view.setBigUint64(16, this.#header.marker, true);
    setUint64(view, 24, coveredBytes);
    view.setUint32(32, mark.rowCount, true);
    view.setUint32(36, mark.end - HEADER_BYTES, true);
    view.setBigUint64(mark.end, checksum64(bytes.subarray(0, mark.end)), true);
    return bytes;
  }

  #addRow(nameBytes: number): number {
    const at = this.#end;
    this.#reserve(at + ROW_FIXED_BYTES + nameBytes);
    this.#end = at + ROW_FIXED_BYTES + nameBytes;
    this.#rowCount++;
    return at;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Decodes a catalogue; undefined when it is damaged or of another version: then scan the segment. */
export function decodeCatalogue(bytes: Uint8Array): Catalogue | undefined {
  if (bytes.length < HEADER_BYTES + 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length - 8;
  const intact = view.getUint32(0) === MAGIC && view.getUint16(4, true) === VERSION &&
    view.getUint32(36, true) === end - HEADER_BYTES &&
    view.getBigUint64(end, true) === checksum64(bytes.subarray(0, end));
  if (!intact) return undefined;
  const header = {
    segment: view.getUint32(8, true),
    blockBytes: view.getUint32(12, true),
    marker: view.getBigUint64(16, true),
  };
  const rows = findRows(bytes.subarray(0, end), view.getUint32(32, true));
  if (rows === undefined) return undefined;
  return {
    header,
    coveredBytes: getUint64(view, 24),
    records: { [Symbol.iterator]: () => records(bytes.subarray(0, end)) },
    damage: rows.damage,
  };
}

/** Checks that the rows fill their room, and decodes the few that tell of damage. */
function findRows(
  bytes: Uint8Array,
  rowCount: number,
): { readonly damage: DamagedRange[] } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const damage: DamagedRange[] = [];
  let at = HEADER_BYTES;
  for (let row = 0; row < rowCount; row++) {
    if (at + ROW_FIXED_BYTES > bytes.length) return undefined;
    const code = view.getUint8(at + 24);
    if (code === DAMAGE_CODE) {
      damage.push({ offset: view.getUint32(at, true), bytes: view.getUint32(at + 4, true) });
    } else if (recordKindOf(code) === undefined) return undefined;
    at += ROW_FIXED_BYTES + view.getUint8(at + 25) + view.getUint8(at + 26);
  }
  return at === bytes.length ? { damage } : undefined;
}

/** The records among rows that {@link findRows} has checked. */
function* records(bytes: Uint8Array): Generator<PlacedRecord> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = HEADER_BYTES;
  while (at < bytes.length) {
    const kind = recordKindOf(view.getUint8(at + 24));
    const keyBytes = view.getUint8(at + 25);
    const ownerBytes = view.getUint8(at + 26);
    const keyAt = at + ROW_FIXED_BYTES;
    if (kind !== undefined) {
      yield {
        kind,
        offset: view.getUint32(at, true),
        payloadBytes: view.getUint32(at + 4, true),
        sequence: getUint64(view, at + 8),
        writtenAtMs: getUint64(view, at + 16),
        key: readAscii(bytes, keyAt, keyBytes),
        owner: readAscii(bytes, keyAt + keyBytes, ownerBytes),
      };
    }
    at = keyAt + keyBytes + ownerBytes;
  }
}
