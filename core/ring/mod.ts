/**
 * Who holds what: the ring places extents on object nodes, partitions divide the metadata.
 *
 * @module
 */

export * from "./hash_ring.ts";
export * from "./partition.ts";
