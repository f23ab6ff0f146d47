/**
 * Recipes for pack streams: their steps and their encoding.
 *
 * @module
 */

export * from "./recipe.ts";
