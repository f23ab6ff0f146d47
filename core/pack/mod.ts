/**
 * Pack formats: entries, deltas, chains, and the index of a pack group. No I/O, no stores.
 *
 * @module
 */

export * from "./chain.ts";
export * from "./delta_entry.ts";
export * from "./entry_head.ts";
export * from "./oid_rows.ts";
export * from "./pack_header.ts";
export * from "./pack_index.ts";
export * from "./pack_index_encoder.ts";
export {
  EXTERNAL_IS_BASE,
  EXTERNAL_IS_LINK,
  EXTERNAL_IS_TIP,
  EXTERNAL_TYPE_SHIFT,
  externalReference,
  externalRow,
  isExternal,
  NO_BASE,
} from "./pack_index_layout.ts";
export * from "./pack_index_writer.ts";
export * from "./whole_entry.ts";
