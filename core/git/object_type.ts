/**
 * Object types and their numbers in pack entries.
 *
 * @module
 */

/** The four kinds of object. */
export type ObjectType = "commit" | "tree" | "blob" | "tag";

/** Numbers of the types in pack entries and indexes (gitformat-pack). */
export const OBJECT_TYPE_CODES: Readonly<Record<ObjectType, 1 | 2 | 3 | 4>> = {
  commit: 1,
  tree: 2,
  blob: 3,
  tag: 4,
};

const TYPES_BY_CODE: readonly (ObjectType | undefined)[] = [
  undefined,
  "commit",
  "tree",
  "blob",
  "tag",
];

/** The type with the given number, or undefined when it is none of the four. */
export function objectTypeOf(code: number): ObjectType | undefined {
  return TYPES_BY_CODE[code];
}
