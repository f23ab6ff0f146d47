/**
 * Recipes for pack streams: their steps and their encoding.
 *
 * @module
 */

export * from "./recipe.ts";
export * from "./recipe_decoder.ts";
export * from "./recipe_encoder.ts";

// Types of other entry points that the signatures above name.
export type { ObjectType } from "../git/object_type.ts";
export type { ObjectFormat, Oid } from "../git/oid.ts";
export type { PackId } from "../rpc/ids.ts";
