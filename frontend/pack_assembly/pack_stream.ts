/**
 * Executes a recipe: yields the bytes of a pack, header and trailer included.
 *
 * Extents are read ahead of the consumer by a bounded number of units; large runs pass through without
 * a copy, small ones are gathered. The pack's trailer is computed over exactly what was yielded, so a
 * recipe that runs short never ends in a valid trailer: the generator throws instead.
 *
 * Fault model: a failing read or a recipe that ends early surfaces as an error in its place; whoever
 * frames the stream must then break it (promise P8).
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { assert, SIDE_BAND_PAYLOAD_MAX } from "@gitstratum/core";
import type { Recipe } from "@gitstratum/core/recipe";
import type { ObjectFormat } from "@gitstratum/core/git";
import type { ExtentStore } from "@gitstratum/core/rpc";
import { encodePackHeader, rebasedHead } from "@gitstratum/core/pack";
import { giveAway } from "./given_memory.ts";
import { READ_BYTES_MAX, readExactly } from "./extent_read.ts";
import { readAhead } from "./read_ahead.ts";
import { type MaterialiseStep, type ReadUnit, readUnits } from "./read_unit.ts";

/** Units in flight: enough to hide a read behind a send, 4 MiB for each stream. */
export const READ_AHEAD_UNITS = 4;
/** Pieces below this are gathered before they are hashed and sent; whole side-band packets. */
const GATHER_BYTES = 2 * SIDE_BAND_PAYLOAD_MAX;
const EMPTY = new Uint8Array();

/** Rebuilds objects as pack entries that need no base but what the pack holds, in pieces. */
export type RebuildObjects = (
  steps: readonly MaterialiseStep[],
  recipe: Recipe,
) => AsyncIterable<Uint8Array>;

/** What the execution of a recipe needs. */
export interface PackStreamOptions {
  readonly extents: ExtentStore;
  readonly rebuild: RebuildObjects;
  /** Stops the execution at the next chunk. */
  readonly signal?: AbortSignal;
}

/** A finished unit: what was read and which pieces of it go out, or an object that waits for its turn. */
type Fetched =
  | { readonly kind: "bytes"; readonly pieces: readonly Uint8Array[] }
  | { readonly kind: "object"; readonly step: MaterialiseStep };

/** Small objects are rebuilt ahead like reads; a big one, a unit by itself, in its turn, piece by piece. */
async function fetchObjects(
  steps: readonly MaterialiseStep[],
  recipe: Recipe,
  rebuild: RebuildObjects,
): Promise<Fetched> {
  const [step] = steps;
  if (step !== undefined && step.size > READ_BYTES_MAX) return { kind: "object", step };
  return { kind: "bytes", pieces: await Array.fromAsync(rebuild(steps, recipe)) };
}

async function fetchRead(
  extents: ExtentStore,
  unit: Extract<ReadUnit, { kind: "pieces" }>,
  format: ObjectFormat,
): Promise<Fetched> {
  const bytes = unit.read === undefined ? EMPTY : await readExactly(extents, unit.read);
  const isWhole = unit.pieces.length === 1;
  const pieces = unit.pieces.map((piece) => {
    if (piece.kind === "literal") return piece.bytes;
    const run = bytes.subarray(piece.offset, piece.offset + piece.length);
    if (piece.kind === "head") return rebasedHead(run, piece.base, format);
    return isWhole ? giveAway(run) : run;
  });
  return { kind: "bytes", pieces };
}

async function fetchSplitHead(
  extents: ExtentStore,
  unit: Extract<ReadUnit, { kind: "split-head" }>,
  format: ObjectFormat,
): Promise<Fetched> {
  const parts = await Promise.all(unit.reads.map((read) => readExactly(extents, read)));
  const stored = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    stored.set(part, at);
    at += part.length;
  }
  return { kind: "bytes", pieces: [rebasedHead(stored, unit.base, format)] };
}

function fetchUnit(unit: ReadUnit, recipe: Recipe, options: PackStreamOptions): Promise<Fetched> {
  const format = recipe.header.objectFormat;
  switch (unit.kind) {
    case "pieces":
      return fetchRead(options.extents, unit, format);
    case "split-head":
      return fetchSplitHead(options.extents, unit, format);
    case "objects":
      return fetchObjects(unit.steps, recipe, options.rebuild);
  }
}

/** Pieces in batches: most are small, and a step of an asynchronous generator costs more than one. */
async function* piecesOf(
  recipe: Recipe,
  options: PackStreamOptions,
): AsyncGenerator<readonly Uint8Array[]> {
  const units = readUnits(recipe.header.packs, recipe.steps);
  const fetched = readAhead(units, (unit) => fetchUnit(unit, recipe, options), {
    ahead: READ_AHEAD_UNITS,
  });
  for await (const unit of fetched) {
    options.signal?.throwIfAborted();
    if (unit.kind === "bytes") yield unit.pieces;
    else for await (const piece of options.rebuild([unit.step], recipe)) yield [piece];
  }
}

/** Joins small pieces; hashes each chunk once. */
class Gatherer {
  readonly #hash: Hash;
  #buffer = new Uint8Array(GATHER_BYTES);
  #used = 0;
  #ready: Uint8Array[] = [];

  constructor(hash: Hash) {
    this.#hash = hash;
  }

  /** Chunks that are ready to be sent. */
  take(): readonly Uint8Array[] {
    const ready = this.#ready;
    if (ready.length > 0) this.#ready = [];
    return ready;
  }

  add(piece: Uint8Array): void {
    if (piece.length >= GATHER_BYTES) {
      this.#flush();
      this.#push(piece);
      return;
    }
    const fitting = Math.min(piece.length, GATHER_BYTES - this.#used);
    this.#buffer.set(fitting === piece.length ? piece : piece.subarray(0, fitting), this.#used);
    this.#used += fitting;
    if (fitting === piece.length) return;
    this.#flush();
    this.#buffer.set(piece.subarray(fitting));
    this.#used = piece.length - fitting;
  }

  /** What is left, with the hash of everything behind it. */
  end(): Uint8Array {
    const rest = this.#buffer.subarray(0, this.#used);
    const trailer = this.#hash.update(rest).digest();
    const chunk = new Uint8Array(rest.length + trailer.length);
    chunk.set(rest);
    chunk.set(trailer, rest.length);
    return chunk;
  }

  #push(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#ready.push(chunk);
  }

  #flush(): void {
    if (this.#used === 0) return;
    this.#push(this.#buffer.subarray(0, this.#used));
    this.#buffer = new Uint8Array(GATHER_BYTES);
    this.#used = 0;
  }
}

/**
 * The bytes of the recipe's pack in chunks of at most 1 MiB. Chunks are the consumer's to keep, not
 * to change.
 *
 * @throws whatever a read throws, `corrupt` when an extent is shorter than the recipe says
 */
export async function* packStream(
  recipe: Recipe,
  options: PackStreamOptions,
): AsyncGenerator<Uint8Array> {
  const { objectCount, objectFormat } = recipe.header;
  assert(objectCount <= 0xffffffff, "A pack counts its objects in 32 bits");
  const hash = createHash(objectFormat);
  const gatherer = new Gatherer(hash);
  gatherer.add(encodePackHeader(objectCount));
  for await (const pieces of piecesOf(recipe, options)) {
    for (const piece of pieces) gatherer.add(piece);
    yield* gatherer.take();
  }
  yield gatherer.end();
}
