/**
 * Rebuilds objects whose delta base a client will not get, and encodes them as whole pack entries.
 *
 * Large rebuilds go one at a time and leave their result in a scratch file, from which it is sent
 * without holding anything that others wait for: neither a long chain nor a slow client costs memory.
 *
 * @module
 */

import { MIB } from "@gitstratum/core";
import { OBJECT_TYPE_CODES } from "@gitstratum/core/git";
import { encodeEntryHead, encodeWholeEntry } from "@gitstratum/core/pack";
import type { Recipe, RecipeHeader } from "@gitstratum/core/recipe";
import { ChainReader, type ChainReaderOptions, type StoredChain } from "./chain_reader.ts";
import { MemoryBytes, type ObjectBytes, pieces } from "./object_bytes.ts";
import { type MaterialiseStep, recipePack } from "./read_unit.ts";
import { deflatedBytes } from "./zlib_bytes.ts";

/** Objects above this are rebuilt one at a time. */
const LARGE_BYTES = 1 * MIB;

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
  readonly #large = new Turnstile();

  /** Makes a rebuilder to be shared by all streams. */
  constructor(options: ChainReaderOptions) {
    this.#options = options;
    this.#chains = new ChainReader(options);
  }

  /**
   * The whole entry of the step's object, in pieces of at most 1 MiB.
   *
   * @throws `corrupt` when the chain does not make an object of the recorded size
   */
  async *rebuild(step: MaterialiseStep, recipe: Recipe): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const stored = storedChain(step, recipe.header);
    const typeCode = OBJECT_TYPE_CODES[step.type];
    const small = await this.#chains.readSmall(stored, LARGE_BYTES);
    if (small !== undefined) {
      yield encodeWholeEntry(typeCode, small);
      return;
    }
    const stream = await this.#large.run(() => this.#deflated(stored));
    try {
      yield encodeEntryHead({ typeCode, size: step.size });
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
    const small = await this.#chains.readSmall(stored, LARGE_BYTES);
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
