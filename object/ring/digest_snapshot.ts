/**
 * What a replica knows, as a digest tree over ring positions.
 *
 * The digest of a range is the sum of its records' digests, so the tree needs no inner nodes: the
 * digest of any range is the difference of two sums, whatever ranges a comparison asks for. Ranges
 * that are equal have equal digests; different ones have equal digests with a chance of 2^-128.
 * Damaged copies do not count: whoever has an intact one is seen to have more.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { ringPosition } from "@gitstratum/core/ring";
import { nextTurn } from "../pace.ts";
import type { ReplicaRecord } from "./replica_record.ts";

/** Ring positions `from <= position < to`, by their upper 53 bits. */
export interface PositionRange {
  /** The first position. */
  readonly from: number;
  /** The first position beyond. */
  readonly to: number;
}

/** What a range holds. */
export interface RangeDigest {
  /** Records. */
  readonly count: number;
  /** Sum of their digests, 32 hexadecimal digits. */
  readonly sum: string;
}

/** The whole ring. */
export const WHOLE_RING: PositionRange = { from: 0, to: 2 ** 53 };

/** Digests of a record and sums of them have so many 32-bit words. */
const WORD_COUNT = 4;

/** Records that are placed in one turn of the event loop: some milliseconds. */
const TURN_RECORD_COUNT = 512;

/** A record with what the tree needs of it. */
export interface PlacedRecord {
  /** The record. */
  readonly record: ReplicaRecord;
  /** Its place on the ring. */
  readonly position: number;
  /** Absent for a damaged copy. */
  readonly digest: Uint32Array | undefined;
}

/** An immutable digest tree. */
export class DigestSnapshot {
  /** In order of their positions. */
  readonly #records: readonly ReplicaRecord[];
  readonly #positions: Float64Array;
  /** Row `n` is the sum over the first `n` records, word by word. */
  readonly #sums: Uint32Array;

  /** Takes records in any order; `known` has them with their places, where somebody made these. */
  constructor(records: readonly ReplicaRecord[], known?: readonly PlacedRecord[]) {
    const placed = [...known ?? records.map(place)];
    placed.sort((a, b) => a.position - b.position || (a.record.id < b.record.id ? -1 : 1));
    this.#records = placed.map(({ record }) => record);
    this.#positions = Float64Array.from(placed, ({ position }) => position);
    this.#sums = new Uint32Array((placed.length + 1) * WORD_COUNT);
    for (const [index, { digest }] of placed.entries()) {
      for (let word = 0; word < WORD_COUNT; word++) {
        const at = index * WORD_COUNT + word;
        this.#sums[at + WORD_COUNT] = this.#sums[at]! + (digest?.[word] ?? 0);
      }
    }
  }

  /** The same, in turns: many records take seconds, and callers must not wait for them. */
  static async build(records: readonly ReplicaRecord[]): Promise<DigestSnapshot> {
    const placed: PlacedRecord[] = [];
    for (const record of records) {
      placed.push(place(record));
      if (placed.length % TURN_RECORD_COUNT === 0) await nextTurn();
    }
    return new DigestSnapshot(records, placed);
  }

  /** The digest of a range. */
  digest(range: PositionRange): RangeDigest {
    const [first, end] = this.#rows(range);
    let sum = "";
    for (let word = 0; word < WORD_COUNT; word++) {
      const from = this.#sums[first * WORD_COUNT + word]!;
      const to = this.#sums[end * WORD_COUNT + word]!;
      sum += ((to - from) >>> 0).toString(16).padStart(8, "0");
    }
    return { count: end - first, sum };
  }

  /** The records of a range: a leaf of the tree, listed. */
  records(range: PositionRange): readonly ReplicaRecord[] {
    return this.#records.slice(...this.#rows(range));
  }

  #rows({ from, to }: PositionRange): [number, number] {
    return [this.#lowerBound(from), this.#lowerBound(to)];
  }

  #lowerBound(position: number): number {
    let low = 0;
    let high = this.#positions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#positions[middle]! < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** An id's place among {@link PositionRange}s: the upper 53 bits of its ring position. */
export function positionOf(id: string): number {
  const { high, low } = ringPosition(id);
  return high * 2 ** 21 + (low >>> 11);
}

function place(record: ReplicaRecord): PlacedRecord {
  return { record, position: positionOf(record.id), digest: recordDigest(record) };
}

function recordDigest(record: ReplicaRecord): Uint32Array | undefined {
  if (record.kind === "living" && record.damaged) return undefined;
  const bytes = record.kind === "living" ? record.bytes : "-";
  const digest = createHash("sha256").update(`${record.id} ${record.version} ${bytes}`).digest();
  return Uint32Array.from({ length: WORD_COUNT }, (_, word) => digest.readUInt32BE(4 * word));
}
