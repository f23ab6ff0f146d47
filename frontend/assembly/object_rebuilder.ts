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
import { assert, GitStratumError, MIB } from "@gitstratum/core";
import { OBJECT_TYPE_CODES, type ObjectFormat } from "@gitstratum/core/git";
import type { Recipe, RecipeRange } from "@gitstratum/core/recipe";
import { type ExtentStore, packRanges } from "@gitstratum/core/rpc";
import { applyDeltaTo, deltaSizes } from "./delta_application.ts";
import { encodeEntryHead, ENTRY_HEAD_BYTES_MAX, parseEntryHead } from "./entry_head.ts";
import { type ObjectBytes, ObjectBytesWriter } from "./object_bytes.ts";
import { type MaterialiseStep, READ_BYTES_MAX, recipePack } from "./read_unit.ts";

/** Objects above this are rebuilt one at a time. */
const LARGE_BYTES = 1 * MIB;
/**
 * Large objects are compressed fast, because a client waits; small ones well. Level 1 of the runtime's
 * zlib would make what does not compress 6 % longer.
 */
const FAST_LEVEL = 3;

/** What a rebuilder works with. */
export interface ObjectRebuilderOptions {
  readonly extents: ExtentStore;
  /** Existing directory for large objects on their way. */
  readonly scratchDirectory: string;
}

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
    const entry = await this.#turn(step, () => this.#encoded(step, recipe));
    try {
      yield encodeEntryHead({ typeCode: OBJECT_TYPE_CODES[step.type], size: step.size });
      yield* runs(entry);
    } finally {
      entry.close();
    }
  }

  #turn(step: MaterialiseStep, task: () => Promise<ObjectBytes>): Promise<ObjectBytes> {
    const stored = step.chain.reduce((sum, range) => sum + range.length, 0);
    return step.size <= LARGE_BYTES && stored <= LARGE_BYTES ? task() : this.#large.run(task);
  }

  /** The object's zlib stream. */
  async #encoded(step: MaterialiseStep, recipe: Recipe): Promise<ObjectBytes> {
    const object = await this.#object(step, recipe);
    try {
      // A compressor that stores what it cannot compress needs far less; a lazy one, an eighth more.
      const sizeMax = step.size + Math.ceil(step.size / 8) + 1024;
      const level = step.size <= LARGE_BYTES ? {} : { level: FAST_LEVEL };
      const out = new ObjectBytesWriter(sizeMax, this.#scratch);
      return await filled(out, async () => {
        await pipeline(runs(object), createDeflate(level), (chunks) => drain(chunks, out));
        return out.finish();
      });
    } finally {
      object.close();
    }
  }

  async #object(step: MaterialiseStep, recipe: Recipe): Promise<ObjectBytes> {
    const { objectFormat } = recipe.header;
    let object: ObjectBytes | undefined;
    for (const range of step.chain.toReversed()) {
      const entry = await this.#open(range, recipe, objectFormat);
      if (entry.isDelta === (object === undefined)) {
        throw new GitStratumError("corrupt", "Find a delta chain without its root");
      }
      const inflated = await this.#inflated(entry);
      const base: ObjectBytes | undefined = object;
      object = base === undefined ? inflated : this.#applied(base, inflated);
    }
    assert(object !== undefined, "A chain has an entry");
    if (object.size === step.size) return object;
    object.close();
    throw new GitStratumError("corrupt", "Rebuild an object of another size than recorded", {
      data: { wanted: step.size, found: object.size },
    });
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

  async #open(range: RecipeRange, recipe: Recipe, format: ObjectFormat): Promise<OpenEntry> {
    const chunks = this.#stored(range, recipe);
    let first = new Uint8Array();
    while (first.length < Math.min(ENTRY_HEAD_BYTES_MAX, range.length)) {
      const next = await chunks.next();
      assert(!next.done, "An entry has all its bytes");
      first = joined(first, next.value);
    }
    const { size, base, headBytes } = parseEntryHead(first, format);
    const stream = (async function* () {
      yield first.subarray(headBytes);
      yield* chunks;
    })();
    return { size, isDelta: base !== undefined, stream };
  }

  async *#stored(range: RecipeRange, recipe: Recipe): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const pack = recipePack(recipe.header.packs, range.pack);
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

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
