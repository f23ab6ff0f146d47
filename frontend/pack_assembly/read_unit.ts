/**
 * Turns the steps of a recipe into units of work that can be done ahead of the socket: a read of one
 * extent together with what of it goes out, or objects to be rebuilt.
 *
 * Invariants: units keep the order of the recipe; a unit's read lies in one extent and is no longer
 * than {@link READ_BYTES_MAX}, so that a few units in flight are a known amount of memory.
 *
 * @module
 */

import { assert, GitStratumError, KIB, unreachable } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { ENTRY_HEAD_BYTES_MAX } from "@gitstratum/core/pack";
import type { RecipePack, RecipeRange, RecipeStep } from "@gitstratum/core/recipe";
import type { ExtentRange } from "@gitstratum/core/rpc";
import { boundedRanges, READ_BYTES_MAX } from "./extent_read.ts";

/** Unwanted bytes between two wanted ones that are read along: cheaper than a second read. */
export const READ_GAP_BYTES_MAX = 16 * KIB;
/** Pieces of one unit: bounds the bookkeeping of a recipe made of very small ranges. */
export const PIECE_COUNT_MAX = 8192;
/** Objects that are rebuilt in one unit, their sizes together: some 10 ms of work. */
export const OBJECTS_BYTES_MAX = 512 * KIB;
/** Stored bytes that they are made of. */
const OBJECT_ENTRIES_BYTES_MAX = 1024 * KIB;
/** Bounds the bookkeeping of very small ones. */
const OBJECT_COUNT_MAX = 256;
/** Literal bytes of one unit. */
export const LITERAL_BYTES_MAX = 256 * KIB;

/** What goes out next. */
export type Piece =
  /** Bytes of the recipe itself. */
  | { readonly kind: "literal"; readonly bytes: Uint8Array }
  /** A run of the unit's read. */
  | { readonly kind: "slice"; readonly offset: number; readonly length: number }
  /** A run that starts with the head of a delta entry, whose base is to be replaced. */
  | {
    readonly kind: "head";
    readonly offset: number;
    readonly length: number;
    readonly base: number | Oid;
  };

/** A step that rebuilds an object. */
export type MaterialiseStep = Extract<RecipeStep, { kind: "materialise" }>;

/** One unit of work. */
export type ReadUnit =
  | {
    readonly kind: "pieces";
    /** Absent when all pieces are literals. */
    readonly read?: ExtentRange;
    readonly pieces: readonly Piece[];
  }
  /** The head of a delta entry that lies across the end of an extent. */
  | {
    readonly kind: "split-head";
    readonly reads: readonly ExtentRange[];
    readonly base: number | Oid;
  }
  /** Objects to be rebuilt: small ones together, or a large one. */
  | { readonly kind: "objects"; readonly steps: readonly MaterialiseStep[] };

/** Collects pieces until they no longer fit one read. */
class UnitBuilder {
  #read: ExtentRange | undefined;
  #pieces: Piece[] = [];
  #literalBytes = 0;
  /** Objects of the unit, which then has no pieces. */
  #objects: MaterialiseStep[] = [];
  #objectsBytes = 0;
  #entriesBytes = 0;
  /** Where in its pack the extent of the read lies; absent when that is not known. */
  #extent: { readonly pack: number; readonly start: number; readonly end: number } | undefined;

  /**
   * Adds the usual step without further ado: a literal, or a range in the extent that is being read.
   * False when it takes more than that.
   */
  addUsual(step: RecipeStep): boolean {
    if (step.kind === "literal") {
      if (!this.acceptsLiteral(step.bytes)) return false;
      this.addLiteral(step.bytes);
      return true;
    }
    const extent = this.#extent;
    const read = this.#read;
    if (step.kind !== "range" || extent === undefined || read === undefined) return false;
    if (step.pack !== extent.pack || step.offset + step.length > extent.end) return false;
    const offset = step.offset - extent.start;
    if (!this.#reaches(read, offset, step.length)) return false;
    this.addRange({ id: read.id, offset, length: step.length });
    return true;
  }

  /** Remembers which part of which of the recipe's packs is being read. */
  locate(pack: number, range: { readonly offset: number }, extentBytes: number): void {
    const start = range.offset - range.offset % extentBytes;
    this.#extent = { pack, start, end: start + extentBytes };
  }

  /** Whether the range can be served by the read of this unit. */
  accepts(range: ExtentRange): boolean {
    if (this.#pieces.length >= PIECE_COUNT_MAX || this.#objects.length > 0) return false;
    const read = this.#read;
    if (read === undefined) return true;
    return read.id === range.id && this.#reaches(read, range.offset, range.length);
  }

  /** Whether the read, made a little longer, covers the run. */
  #reaches(read: ExtentRange, offset: number, length: number): boolean {
    const end = read.offset + read.length;
    return this.#pieces.length < PIECE_COUNT_MAX && offset >= end &&
      offset - end <= READ_GAP_BYTES_MAX && offset + length - read.offset <= READ_BYTES_MAX;
  }

  acceptsLiteral(bytes: Uint8Array): boolean {
    return this.#pieces.length < PIECE_COUNT_MAX && this.#objects.length === 0 &&
      this.#literalBytes + bytes.length <= LITERAL_BYTES_MAX;
  }

  addHead(range: ExtentRange, base: number | Oid): void {
    const offset = this.#extendRead(range);
    this.#pieces.push({ kind: "head", offset, length: range.length, base });
  }

  addRange(range: ExtentRange): void {
    const offset = this.#extendRead(range);
    const last = this.#pieces.at(-1);
    if (last?.kind === "slice" && last.offset + last.length === offset) {
      const joined = { ...last, length: last.length + range.length };
      this.#pieces[this.#pieces.length - 1] = joined;
    } else {
      this.#pieces.push({ kind: "slice", offset, length: range.length });
    }
  }

  /** Makes the read cover the range; returns where in the read the range begins. */
  #extendRead(range: ExtentRange): number {
    const read = this.#read ?? { ...range, length: 0 };
    const offset = range.offset - read.offset;
    this.#read = { ...read, length: offset + range.length };
    return offset;
  }

  addLiteral(bytes: Uint8Array): void {
    this.#pieces.push({ kind: "literal", bytes });
    this.#literalBytes += bytes.length;
  }

  acceptsObject(step: MaterialiseStep): boolean {
    if (this.#pieces.length > 0) return false;
    return this.#objects.length === 0 || this.#objects.length < OBJECT_COUNT_MAX &&
        this.#objectsBytes + step.size <= OBJECTS_BYTES_MAX &&
        this.#entriesBytes + entriesBytes(step) <= OBJECT_ENTRIES_BYTES_MAX;
  }

  addObject(step: MaterialiseStep): void {
    this.#objects.push(step);
    this.#objectsBytes += step.size;
    this.#entriesBytes += entriesBytes(step);
  }

  /** The unit so far, if there is any; the builder is empty afterwards. */
  *take(): Generator<ReadUnit> {
    if (this.#objects.length > 0) yield { kind: "objects", steps: this.#objects };
    if (this.#pieces.length > 0) {
      const read = this.#read === undefined ? {} : { read: this.#read };
      yield { kind: "pieces", pieces: this.#pieces, ...read };
    }
    this.#read = undefined;
    this.#extent = undefined;
    this.#pieces = [];
    this.#literalBytes = 0;
    this.#objects = [];
    this.#objectsBytes = 0;
    this.#entriesBytes = 0;
  }
}

/** Stored bytes that an object and its relative are made of. */
function entriesBytes({ chain, relative }: MaterialiseStep): number {
  let bytes = 0;
  for (const { length } of chain) bytes += length;
  for (const { length } of relative?.chain ?? []) bytes += length;
  return bytes;
}

/** The pack a step reads from. @throws `corrupt` when the recipe does not name it */
export function recipePack(packs: readonly RecipePack[], index: number): RecipePack {
  const pack = packs[index];
  if (pack !== undefined) return pack;
  throw new GitStratumError("corrupt", "Find no such pack in the recipe", {
    data: { index, packCount: packs.length },
  });
}

function* addRange(
  builder: UnitBuilder,
  pack: RecipePack,
  range: { readonly offset: number; readonly length: number },
): Generator<ReadUnit> {
  for (const part of boundedRanges(pack, range)) {
    if (!builder.accepts(part)) yield* builder.take();
    builder.addRange(part);
  }
}

/** Adds the part of a delta entry that surely holds its head, then the rest as it is. */
function* addRebase(
  builder: UnitBuilder,
  pack: RecipePack,
  step: Extract<RecipeStep, { kind: "rebase" }>,
): Generator<ReadUnit> {
  const headBytes = Math.min(ENTRY_HEAD_BYTES_MAX, step.length);
  const reads = [...boundedRanges(pack, { offset: step.offset, length: headBytes })];
  if (reads.length === 1) {
    if (!builder.accepts(reads[0]!)) yield* builder.take();
    builder.addHead(reads[0]!, step.base);
  } else {
    yield* builder.take();
    yield { kind: "split-head", reads, base: step.base };
  }
  const rest = { offset: step.offset + headBytes, length: step.length - headBytes };
  yield* addRange(builder, pack, rest);
}

/** Tells the builder where the last byte of a range lies: the next range is likely behind it. */
function locateEnd(
  builder: UnitBuilder,
  packs: readonly RecipePack[],
  step: RecipeRange,
): void {
  if (step.length === 0) return;
  const last = { offset: step.offset + step.length - 1 };
  builder.locate(step.pack, last, recipePack(packs, step.pack).extentBytes);
}

function* addStep(
  builder: UnitBuilder,
  packs: readonly RecipePack[],
  step: RecipeStep,
): Generator<ReadUnit> {
  switch (step.kind) {
    case "literal":
      if (!builder.acceptsLiteral(step.bytes)) yield* builder.take();
      builder.addLiteral(step.bytes);
      return;
    case "range":
      yield* addRange(builder, recipePack(packs, step.pack), step);
      locateEnd(builder, packs, step);
      return;
    case "rebase":
      yield* addRebase(builder, recipePack(packs, step.pack), step);
      locateEnd(builder, packs, step);
      return;
    case "materialise":
      assert(step.chain.length > 0, "A chain has an entry");
      if (!builder.acceptsObject(step)) yield* builder.take();
      builder.addObject(step);
      return;
    default:
      unreachable(step);
  }
}

/** The units of a recipe, made as they are asked for. */
export async function* readUnits(
  packs: readonly RecipePack[],
  steps: AsyncIterable<readonly RecipeStep[]>,
): AsyncGenerator<ReadUnit> {
  const builder = new UnitBuilder();
  for await (const batch of steps) {
    for (const step of batch) {
      if (!builder.addUsual(step)) yield* addStep(builder, packs, step);
    }
  }
  yield* builder.take();
}
