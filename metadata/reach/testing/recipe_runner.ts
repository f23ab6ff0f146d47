/**
 * Executes recipes naively, for tests.
 *
 * @module
 */

import { concatBytes } from "@gitstratum/core";
import assert from "node:assert/strict";
import { OBJECT_TYPE_CODES } from "@gitstratum/core/git";
import { createHash } from "node:crypto";
import {
  encodeDeltaEntry,
  encodePackHeader,
  encodeWholeEntry,
  rebasedHead,
  rebuildObject,
} from "@gitstratum/core/pack";
import type { Recipe, RecipeRange, RecipeStep } from "@gitstratum/core/recipe";
import { type ExtentStore, packRanges } from "@gitstratum/core/rpc";

/** The pack that a recipe describes, header and trailer included. */
export async function runRecipe(recipe: Recipe, extents: ExtentStore): Promise<Uint8Array> {
  const { header } = recipe;
  const pieces: Uint8Array[] = [encodePackHeader(header.objectCount)];
  const read = (range: RecipeRange) => readRange(recipe, range, extents);
  for await (const batch of recipe.steps) {
    for (const step of batch) pieces.push(await runStep(step, recipe, read));
  }
  const body = concatBytes(pieces);
  return concatBytes([body, createHash(header.objectFormat).update(body).digest()]);
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
      if (step.relative === undefined) {
        return encodeWholeEntry(OBJECT_TYPE_CODES[step.type], bytes);
      }
      const { oid, size, chain: baseChain } = step.relative;
      const base = rebuildObject(await Promise.all(baseChain.map(read)), {
        format,
        sizeMax: 1 << 28,
      });
      const head = `${step.type} ${size}\0`;
      const found = createHash(format).update(head).update(base.bytes).digest("hex");
      assert.equal(found, oid, "a relative is what its chain makes");
      return encodeDeltaEntry(oid, literalDelta(size, bytes), { level: 1 });
    }
  }
}

/** A delta that takes nothing from its base: whoever applies it needs the base all the same. */
function literalDelta(baseSize: number, object: Uint8Array): Uint8Array {
  const bytes = [...sizeDigits(baseSize), ...sizeDigits(object.length)];
  for (let at = 0; at < object.length; at += 127) {
    const part = object.subarray(at, at + 127);
    bytes.push(part.length, ...part);
  }
  return Uint8Array.from(bytes);
}

function sizeDigits(size: number): number[] {
  return size < 128 ? [size] : [(size % 128) | 128, ...sizeDigits(Math.floor(size / 128))];
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
  return concatBytes(await Promise.all(pieces));
}
