/**
 * Numbers of the wire form of recipes, shared by both directions; see `docs/formats/recipe.md`.
 *
 * @module
 */

/** The first bytes of every recipe: `GSRC` and the version. */
export const RECIPE_MAGIC: Uint8Array = Uint8Array.of(0x47, 0x53, 0x52, 0x43, 2);
/** The magic and the length of the header. */
export const RECIPE_PREAMBLE_BYTES: number = RECIPE_MAGIC.length + 4;

/** What a step begins with. */
export const RECIPE_OPCODE = {
  end: 0,
  literal: 1,
  range: 2,
  materialise: 3,
  failure: 4,
  rebaseOffset: 5,
  rebaseReference: 6,
  materialiseRelated: 7,
} as const;
