/**
 * Rebuilds objects whose delta base a client will not get, and encodes them as whole pack entries.
 *
 * Large rebuilds go one at a time and leave their result in a scratch file, from which it is sent
 * without holding anything that others wait for: neither a long chain nor a slow client costs memory.
 *
 * @module
 */

import { pipeline } from "node:stream/promises";
import { createDeflate, createInflate } from "node:zlib";
import { assert, GitStratumError, hasCode, MIB } from "@gitstratum/core";
import { OBJECT_TYPE_CODES } from "@gitstratum/core/git";
import {
  encodeEntryHead,
  encodeWholeEntry,
  ENTRY_HEAD_BYTES_MAX,
  parseEntryHead,
  rebuildObject,
} from "@gitstratum/core/pack";
import type { Recipe, RecipeHeader, RecipeRange } from "@gitstratum/core/recipe";
import { type ExtentStore, packRanges } from "@gitstratum/core/rpc";
import { applyDeltaTo, deltaSizes } from "./delta_application.ts";
import { type ObjectBytes, ObjectBytesWriter } from "./object_bytes.ts";
import { type MaterialiseStep, READ_BYTES_MAX, recipePack } from "./read_unit.ts";

/** Objects above this are rebuilt one at a time. */
const LARGE_BYTES = 1 * MIB;
/**
 * Large objects are compressed fast, because a client waits. Level 1 of the runtime's zlib would make
 * what does not compress 6 % longer.
 */
const FAST_LEVEL = 3;

/** What a rebuilder works with. */
export interface ObjectRebuilderOptions {
  readonly extents: ExtentStore;
  /** Existing directory for large objects on their way. */
  readonly scratchDirectory: string;
}

/** What the ranges of a chain count. */
export type RecipePacks = Pick<RecipeHeader, "objectFormat" | "packs">;

/** An entry's head and its zlib stream. */
interface OpenEntry {
  readonly size: number;
  readonly isDelta: boolean;
  readonly stream: AsyncGenerator<Uint8Array>;
}

/** Lets one task in at a time, in order of arrival. */
class Turnstile {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** Rebuilds objects for pack streams. */
export class ObjectRebuilder {
  readonly #extents: ExtentStore;
  readonly #scratch: { readonly scratchDirectory: string };
  readonly #large = new Turnstile();

  /** Makes a rebuilder to be shared by all streams. */
  constructor(options: ObjectRebuilderOptions) {
    this.#extents = options.extents;
    this.#scratch = { scratchDirectory: options.scratchDirectory };
  }

  /**
   * The whole entry of the step's object, in pieces of at most 1 MiB.
   *
   * @throws `corrupt` when the chain does not make an object of the recorded size
   */
  async *rebuild(step: MaterialiseStep, recipe: Recipe): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const small = await this.#rebuildSmall(step, recipe);
    if (small !== undefined) {
      yield small;
      return;
    }
    const entry = await this.#large.run(() => this.#encoded(step, recipe));
    try {
      yield encodeEntryHead({ typeCode: OBJECT_TYPE_CODES[step.type], size: step.size });
      yield* runs(entry);
    } finally {
      entry.close();
    }
  }

  /**
   * The step's object itself, to be closed by the caller.
   *
   * @throws `corrupt` when the chain does not make an object of the recorded size
   */
  async inflate(step: MaterialiseStep, header: RecipePacks): Promise<ObjectBytes> {
    const small = await this.#smallObject(step, header);
    if (small === undefined) return await this.#large.run(() => this.#object(step, header));
    const out = new ObjectBytesWriter(small.length, this.#scratch);
    out.write(small);
    return out.finish();
  }

  /** The whole entry at once, or undefined when something on the way is large. */
  async #rebuildSmall(
    step: MaterialiseStep,
    recipe: Recipe,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const object = await this.#smallObject(step, recipe.header);
    return object && encodeWholeEntry(OBJECT_TYPE_CODES[step.type], object);
  }

  /** The object in memory, or undefined when something on the way is large. */
  async #smallObject(
    step: MaterialiseStep,
    header: RecipePacks,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const stored = step.chain.reduce((sum, range) => sum + range.length, 0);
    if (step.size > LARGE_BYTES || stored > LARGE_BYTES) return undefined;
    const chain = await Promise.all(step.chain.map((range) => this.#whole(range, header)));
    try {
      const format = header.objectFormat;
      const object = rebuildObject(chain, { format, sizeMax: LARGE_BYTES });
      checkSize(step, object.bytes.length);
      return object.bytes;
    } catch (error) {
      if (hasCode(error, "exhausted")) return undefined;
      throw error;
    }
  }

  /** A stored entry. */
  async #whole(range: RecipeRange, header: RecipePacks): Promise<Uint8Array<ArrayBuffer>> {
    let entry = new Uint8Array();
    for await (const chunk of this.#stored(range, header)) entry = joined(entry, chunk);
    return entry;
  }

  /** The object's zlib stream. */
  async #encoded(step: MaterialiseStep, recipe: Recipe): Promise<ObjectBytes> {
    const object = await this.#object(step, recipe.header);
    try {
      // A compressor that stores what it cannot compress needs far less; a lazy one, an eighth more.
      const sizeMax = step.size + Math.ceil(step.size / 8) + 1024;
      const out = new ObjectBytesWriter(sizeMax, this.#scratch);
      return await filled(out, async () => {
        await pipeline(
          runs(object),
          createDeflate({ level: FAST_LEVEL }),
          (chunks) => drain(chunks, out),
        );
        return out.finish();
      });
    } finally {
      object.close();
    }
  }

  async #object(step: MaterialiseStep, header: RecipePacks): Promise<ObjectBytes> {
    let object: ObjectBytes | undefined;
    for (const range of step.chain.toReversed()) {
      const entry = await this.#open(range, header);
      if (entry.isDelta === (object === undefined)) {
        throw new GitStratumError("corrupt", "Find a delta chain without its root");
      }
      const inflated = await this.#inflated(entry);
      const base: ObjectBytes | undefined = object;
      object = base === undefined ? inflated : this.#applied(base, inflated);
    }
    assert(object !== undefined, "A chain has an entry");
    try {
      checkSize(step, object.size);
    } catch (error) {
      object.close();
      throw error;
    }
    return object;
  }

  #applied(base: ObjectBytes, delta: ObjectBytes): ObjectBytes {
    try {
      const out = new ObjectBytesWriter(deltaSizes(delta).result, this.#scratch);
      try {
        applyDeltaTo(base, delta, out);
        return out.finishExact();
      } catch (error) {
        out.abandon();
        throw error;
      }
    } finally {
      base.close();
      delta.close();
    }
  }

  async #inflated(entry: OpenEntry): Promise<ObjectBytes> {
    const out = new ObjectBytesWriter(entry.size, this.#scratch);
    return await filled(out, async () => {
      await pipeline(entry.stream, createInflate(), (chunks) => drain(chunks, out));
      return out.finishExact();
    });
  }

  async #open(range: RecipeRange, header: RecipePacks): Promise<OpenEntry> {
    const chunks = this.#stored(range, header);
    let first = new Uint8Array();
    while (first.length < Math.min(ENTRY_HEAD_BYTES_MAX, range.length)) {
      const next = await chunks.next();
      assert(!next.done, "An entry has all its bytes");
      first = joined(first, next.value);
    }
    const { size, base, headBytes } = parseEntryHead(first, header.objectFormat);
    const stream = (async function* () {
      yield first.subarray(headBytes);
      yield* chunks;
    })();
    return { size, isDelta: base !== undefined, stream };
  }

  async *#stored(
    range: RecipeRange,
    header: RecipePacks,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const pack = recipePack(header.packs, range.pack);
    for (const part of packRanges(pack.pack, { ...range, extentBytes: pack.extentBytes })) {
      for (let done = 0; done < part.length; done += READ_BYTES_MAX) {
        const length = Math.min(READ_BYTES_MAX, part.length - done);
        yield await this.#extents.read(part.id, { offset: part.offset + done, length });
      }
    }
  }
}

/** Fills a writer; gives it up when that fails, and names broken zlib streams for what they are. */
async function filled(
  out: ObjectBytesWriter,
  fill: () => Promise<ObjectBytes>,
): Promise<ObjectBytes> {
  try {
    return await fill();
  } catch (error) {
    out.abandon();
    if (error instanceof GitStratumError) throw error;
    throw new GitStratumError("corrupt", "Read a broken zlib stream", { cause: error });
  }
}

async function drain(chunks: AsyncIterable<Uint8Array>, out: ObjectBytesWriter): Promise<void> {
  for await (const chunk of chunks) out.write(chunk);
}

function* runs(bytes: ObjectBytes): Generator<Uint8Array<ArrayBuffer>> {
  for (let offset = 0; offset < bytes.size; offset += READ_BYTES_MAX) {
    yield bytes.read(offset, Math.min(READ_BYTES_MAX, bytes.size - offset));
  }
}

function checkSize(step: MaterialiseStep, found: number): void {
  if (found === step.size) return;
  throw new GitStratumError("corrupt", "Rebuild an object of another size than recorded", {
    data: { wanted: step.size, found },
  });
}

function joined(
  first: Uint8Array<ArrayBuffer>,
  second: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (first.length === 0) return second;
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
