/**
 * Executes recipes naively, for tests.
 *
 * @module
 */

import { OBJECT_TYPE_CODES } from "@gitstratum/core/git";
import { createHash } from "node:crypto";
import {
  encodePackHeader,
  encodeWholeEntry,
  rebasedHead,
  rebuildObject,
} from "@gitstratum/core/pack";
import type { Recipe, RecipeRange, RecipeStep } from "@gitstratum/core/recipe";
import { type ExtentStore, packRanges } from "@gitstratum/core/rpc";
import { concat } from "./pack_parts.ts";

/** The pack that a recipe describes, header and trailer included. */
export async function runRecipe(recipe: Recipe, extents: ExtentStore): Promise<Uint8Array> {
  const { header } = recipe;
  const pieces: Uint8Array[] = [encodePackHeader(header.objectCount)];
  const read = (range: RecipeRange) => readRange(recipe, range, extents);
  for await (const batch of recipe.steps) {
    for (const step of batch) pieces.push(await runStep(step, recipe, read));
  }
  const body = concat(pieces);
  return concat([body, createHash(header.objectFormat).update(body).digest()]);
}

async function runStep(
  step: RecipeStep,
  recipe: Recipe,
  read: (range: RecipeRange) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const format = recipe.header.objectFormat;
  switch (step.kind) {
    case "literal":
      return step.bytes;
    case "range":
      return await read(step);
    case "rebase":
      return rebasedHead(await read(step), step.base, format);
    case "materialise": {
      const chain = await Promise.all(step.chain.map(read));
      const { bytes } = rebuildObject(chain, { format, sizeMax: 1 << 28 });
      return encodeWholeEntry(OBJECT_TYPE_CODES[step.type], bytes);
    }
  }
}

async function readRange(
  recipe: Recipe,
  range: RecipeRange,
  extents: ExtentStore,
): Promise<Uint8Array> {
  const { pack, extentBytes } = recipe.header.packs[range.pack]!;
  const pieces = Array.from(
    packRanges(pack, { offset: range.offset, length: range.length, extentBytes }),
    ({ id, ...part }) => extents.read(id, part),
  );
  return concat(await Promise.all(pieces));
}
