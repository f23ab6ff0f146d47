/**
 * Recipes for pack streams: their steps and their encoding.
 *
 * @module
 */

export * from "./recipe.ts";
export * from "./recipe_decoder.ts";
export * from "./recipe_encoder.ts";
