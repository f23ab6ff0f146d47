/**
 * Git's object model: ids, objects, reference names, object checks. Pure functions, no I/O.
 *
 * @module
 */

export * from "./commit.ts";
export * from "./commit_signature.ts";
export * from "./fsck.ts";
export * from "./fsck_message.ts";
export * from "./header_cursor.ts";
export * from "./hidden_references.ts";
export * from "./object_filter.ts";
export * from "./object_type.ts";
export * from "./oid.ts";
export * from "./reference_name.ts";
export * from "./special_blobs.ts";
export * from "./tag.ts";
export * from "./tree.ts";
