/**
 * A pack that is about to be sent, wherever its bytes come from: an execution of its recipe, an
 * execution that others share, or a stored file.
 *
 * @module
 */

import type { SideBandMode } from "@gitstratum/core/protocol";
import type { Recipe } from "@gitstratum/core/recipe";
import { packStream, type PackStreamOptions } from "../pack_assembly/pack_stream.ts";
import { packBlocks } from "./pack_blocks.ts";

/** A pack that is about to be sent. */
export interface OpenedPack {
  /** Entries in the pack. */
  readonly objectCount: number;
  /**
   * The pack, framed for the client's side band in whole packets, or bare. To be iterated once, the
   * chunks not to be changed. Throws when the pack can not be completed.
   */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The trailer was computed from these very chunks: whoever has them all unchanged has a sound pack. */
  readonly isOwnTrailer?: boolean;
  /** Gives everything up that belongs to it, iterated or not. May be called again. */
  close(): void;
}

/** Starts an execution; the signal stops it. */
export type ExecutePack = (signal: AbortSignal) => Promise<OpenedPack>;

/** The pack of a recipe, executed as it is iterated. */
export function executedPack(
  recipe: Recipe,
  options: PackStreamOptions & { readonly mode?: SideBandMode | undefined },
): OpenedPack {
  const bare = packStream(recipe, options);
  const chunks = options.mode === undefined ? bare : packBlocks(bare, options.mode);
  return {
    objectCount: recipe.header.objectCount,
    chunks,
    isOwnTrailer: true,
    close() {
      // An end of what runs already waits for its next step, which the caller's signal brings about.
      const ends = [chunks.return(undefined), recipe.steps[Symbol.asyncIterator]().return?.()];
      Promise.all(ends).catch(() => undefined);
    },
  };
}
