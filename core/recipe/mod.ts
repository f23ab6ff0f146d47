/**
 * Recipes for pack streams: their steps and their encoding.
 *
 * @module
 */

export * from "./codec.ts";
export * from "./recipe.ts";
