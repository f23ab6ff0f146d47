/**
 * Rebuilds many small objects at once, and writes those that have a relative in the same pack as
 * deltas against it.
 *
 * Purpose: a shallow client gets thousands of objects whose delta bases stay behind. Their entries are
 * read together, what several of them are made of is inflated once, and what is alike is sent once.
 *
 * Invariants: the objects of one batch, as far as they are kept, and the cache are bounded by their
 * limits. What can not be rebuilt within them is left to the caller, never sent half.
 *
 * What is computed at a stretch is one batch, some 10 ms: then whoever else waits is served.
 *
 * Fault model: entries that do not decode, or not to the recorded size, are `corrupt`.
 *
 * @module
 */

import { setImmediate as immediate } from "node:timers/promises";
import { hasCode, MIB, REBUILT_OBJECTS_BYTES_MAX } from "@gitstratum/core";
import { OBJECT_TYPE_CODES, type ObjectFormat, type Oid } from "@gitstratum/core/git";
import {
  applyEntryDelta,
  encodeDeltaEntry,
  encodeWholeEntry,
  inflateEntry,
} from "@gitstratum/core/pack";
import type { Recipe, RecipeRange } from "@gitstratum/core/recipe";
import type { EntryLocation, ExtentStore } from "@gitstratum/core/rpc";
import { DeltaEncoder } from "@gitstratum/wasm";
import { checkChainStep, checkSize } from "./chain_reader.ts";
import { placeOf, readEntries } from "./entry_batch.ts";
import { type MaterialiseStep, recipePack } from "./read_unit.ts";
import { RebuiltObjects } from "./rebuilt_objects.ts";

/** Objects above this are rebuilt one at a time, by others. */
export const SMALL_OBJECT_BYTES_MAX = 1 * MIB;
/**
 * Objects are compressed while a client waits: this level takes about three fifths of the time of
 * zlib's default, for one twentieth more bytes.
 */
const FAST_LEVEL = 3;
/** An encoder whose memory grew beyond this is let go after its batch. */
const ENCODER_BYTES_MAX = 8 * MIB;
/** An object of fewer bytes is not worth a delta. */
const DELTA_TARGET_BYTES_MIN = 64;
/** An entry that a delta has to be shorter than half of the object by: the id of its base. */
const DELTA_COST_BYTES = 32;

interface Chain {
  readonly size: number;
  readonly entries: readonly EntryLocation[];
}

interface Wish {
  readonly typeCode: number;
  readonly object: Chain;
  readonly relative: (Chain & { readonly oid: Oid }) | undefined;
}

/** Rebuilds batches of objects for all streams. */
export class BatchRebuilder {
  readonly #extents: Pick<ExtentStore, "read">;
  readonly #objects = new RebuiltObjects(REBUILT_OBJECTS_BYTES_MAX);
  #encoder: DeltaEncoder | undefined;
  #lastTurn: Promise<void> = Promise.resolve();

  /** Makes a rebuilder with an empty cache. */
  constructor(extents: Pick<ExtentStore, "read">) {
    this.#extents = extents;
  }

  /**
   * The entries of the steps' objects, in their order; undefined for each that is too large to be
   * rebuilt here.
   *
   * @throws `corrupt` when a chain does not make an object of the recorded size
   */
  async rebuild(
    steps: readonly MaterialiseStep[],
    recipe: Recipe,
  ): Promise<(Uint8Array | undefined)[]> {
    const format = recipe.header.objectFormat;
    const wishes = steps.map((step) => wishOf(step, recipe));
    const stored = await readEntries(this.#extents, this.#missing(wishes));
    await this.#ownTurn();
    try {
      return wishes.map((wish) => wish && this.#encoded(wish, { stored, format }));
    } finally {
      if ((this.#encoder?.memoryBytes ?? 0) > ENCODER_BYTES_MAX) this.#encoder = undefined;
    }
  }

  /**
   * Waits for a turn of the event loop in which no other batch computes. What is read from a disk of
   * this process is there at once, so batch after batch would keep all others waiting.
   */
  #ownTurn(): Promise<void> {
    return this.#lastTurn = this.#lastTurn.then(() => immediate());
  }

  /** Entries up to the first object of each chain that is at hand. */
  #missing(wishes: readonly (Wish | undefined)[]): Iterable<EntryLocation> {
    const missing = new Map<string, EntryLocation>();
    for (const wish of wishes) {
      for (const chain of [wish?.object, wish?.relative]) {
        for (const entry of chain?.entries ?? []) {
          const place = placeOf(entry);
          if (missing.has(place) || this.#objects.has(place)) break;
          missing.set(place, entry);
        }
      }
    }
    return missing.values();
  }

  #encoded(wish: Wish, batch: Batch): Uint8Array | undefined {
    const { typeCode, relative } = wish;
    const base = relative && this.#rebuilt(relative, batch);
    const object = this.#rebuilt(wish.object, batch);
    if (object === undefined) return undefined;
    if (relative !== undefined && base !== undefined) {
      const delta = this.#delta(base, object);
      if (delta !== undefined) return encodeDeltaEntry(relative.oid, delta, { level: FAST_LEVEL });
    }
    return encodeWholeEntry(typeCode, object, { level: FAST_LEVEL });
  }

  #delta(base: Uint8Array, object: Uint8Array): Uint8Array | undefined {
    if (object.length < DELTA_TARGET_BYTES_MIN) return undefined;
    this.#encoder ??= new DeltaEncoder();
    return this.#encoder.encode(base, object, Math.floor(object.length / 2) - DELTA_COST_BYTES);
  }

  /** The object; undefined when it passes the limit or what it is made of is gone again. */
  #rebuilt(chain: Chain, batch: Batch): Uint8Array | undefined {
    const { entries } = chain;
    let index = 0;
    let object: Uint8Array | undefined;
    for (; index < entries.length; index++) {
      object = this.#objects.get(placeOf(entries[index]!));
      if (object !== undefined) break;
    }
    while (--index >= 0) {
      const place = placeOf(entries[index]!);
      const bytes = batch.stored.get(place);
      if (bytes === undefined) return undefined;
      object = decoded(bytes, object, batch.format);
      if (object === undefined) return undefined;
      this.#objects.add(place, object);
    }
    if (object === undefined) return undefined;
    checkSize(chain, object.length);
    return object;
  }
}

interface Batch {
  readonly stored: ReadonlyMap<string, Uint8Array>;
  readonly format: ObjectFormat;
}

/** What an entry makes of its base; undefined when that is too large. */
function decoded(
  entry: Uint8Array,
  base: Uint8Array | undefined,
  format: ObjectFormat,
): Uint8Array | undefined {
  const options = { format, sizeMax: SMALL_OBJECT_BYTES_MAX };
  try {
    const { typeCode, payload } = inflateEntry(entry, options);
    checkChainStep(typeCode, base !== undefined);
    return base === undefined ? payload : applyEntryDelta(base, payload, options);
  } catch (error) {
    if (hasCode(error, "exhausted")) return undefined;
    throw error;
  }
}

function wishOf(step: MaterialiseStep, recipe: Recipe): Wish | undefined {
  const object = smallChain(step, recipe);
  if (object === undefined) return undefined;
  const { relative } = step;
  const chain = relative && smallChain(relative, recipe);
  return {
    typeCode: OBJECT_TYPE_CODES[step.type],
    object,
    relative: relative && chain && { ...chain, oid: relative.oid },
  };
}

/** Where the entries of a small object are; undefined for any other. */
function smallChain(
  object: { readonly size: number; readonly chain: readonly RecipeRange[] },
  recipe: Recipe,
): Chain | undefined {
  const entriesBytes = object.chain.reduce((sum, { length }) => sum + length, 0);
  if (object.size > SMALL_OBJECT_BYTES_MAX || entriesBytes > SMALL_OBJECT_BYTES_MAX) {
    return undefined;
  }
  const entries = object.chain.map(({ pack, offset, length }) => {
    return { ...recipePack(recipe.header.packs, pack), offset, length };
  });
  return { size: object.size, entries };
}
