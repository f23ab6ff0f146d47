/**
 * Git's object model: ids, objects, reference names, object checks. Pure functions, no I/O.
 *
 * @module
 */

export * from "./oid.ts";
export * from "./object_filter.ts";
export * from "./object_type.ts";
