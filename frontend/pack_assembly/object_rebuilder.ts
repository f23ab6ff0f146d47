/**
 * Rebuilds objects whose delta base a client will not get, and encodes them as pack entries.
 *
 * Large rebuilds go one at a time and leave their result in a scratch file, from which it is sent
 * without holding anything that others wait for: neither a long chain nor a slow client costs memory.
 *
 * @module
 */

import { OBJECT_TYPE_CODES } from "@gitstratum/core/git";
import { encodeEntryHead } from "@gitstratum/core/pack";
import type { Recipe, RecipeHeader } from "@gitstratum/core/recipe";
import { BatchRebuilder, SMALL_OBJECT_BYTES_MAX } from "./batch_rebuilder.ts";
import { ChainReader, type ChainReaderOptions, type StoredChain } from "./chain_reader.ts";
import { MemoryBytes, type ObjectBytes, pieces } from "./object_bytes.ts";
import { type MaterialiseStep, recipePack } from "./read_unit.ts";
import { deflatedBytes } from "./zlib_bytes.ts";

/** Lets one task in at a time, in order of arrival. */
class Turnstile {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** Rebuilds objects for pack streams and archives. */
export class ObjectRebuilder {
  readonly #options: ChainReaderOptions;
  readonly #chains: ChainReader;
  readonly #batches: BatchRebuilder;
  readonly #large = new Turnstile();

  /** Makes a rebuilder to be shared by all streams. */
  constructor(options: ChainReaderOptions) {
    this.#options = options;
    this.#chains = new ChainReader(options);
    this.#batches = new BatchRebuilder(options.extents);
  }

  /**
   * The entries of the steps' objects, in their order, in pieces of at most 1 MiB. Small objects are
   * rebuilt together, before the first piece.
   *
   * @throws `corrupt` when a chain does not make an object of the recorded size
   */
  async *rebuild(
    steps: readonly MaterialiseStep[],
    recipe: Recipe,
  ): AsyncGenerator<Uint8Array> {
    const entries = await this.#batches.rebuild(steps, recipe);
    for (const [number, step] of steps.entries()) {
      const entry = entries[number];
      if (entry !== undefined) yield entry;
      else yield* this.#rebuildAlone(step, recipe);
    }
  }

  async *#rebuildAlone(step: MaterialiseStep, recipe: Recipe): AsyncGenerator<Uint8Array> {
    const stored = storedChain(step, recipe.header);
    const stream = await this.#large.run(() => this.#deflated(stored));
    try {
      yield encodeEntryHead({ typeCode: OBJECT_TYPE_CODES[step.type], size: step.size });
      yield* pieces(stream);
    } finally {
      stream.close();
    }
  }

  /**
   * A stored object itself, to be closed by the caller.
   *
   * @throws `corrupt` when the chain does not make an object of the recorded size
   */
  async inflate(stored: StoredChain): Promise<ObjectBytes> {
    const small = await this.#chains.readSmall(stored, SMALL_OBJECT_BYTES_MAX);
    if (small !== undefined) return new MemoryBytes(small);
    return await this.#large.run(() => this.#chains.read(stored));
  }

  async #deflated(stored: StoredChain): Promise<ObjectBytes> {
    const object = await this.#chains.read(stored);
    try {
      return await deflatedBytes(object, this.#options);
    } finally {
      object.close();
    }
  }
}

function storedChain(step: MaterialiseStep, header: RecipeHeader): StoredChain {
  const chain = step.chain.map(({ pack, offset, length }) => {
    return { ...recipePack(header.packs, pack), offset, length };
  });
  return { objectFormat: header.objectFormat, size: step.size, chain };
}
