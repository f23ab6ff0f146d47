/**
 * Every export of the kernels' module. The typed wrappers live one folder up.
 */

export { alloc, free } from "./memory";
export { adler32 } from "./adler32";
export { crc32 } from "./crc32";
export { XXH64_STATE_BYTES, xxh64, xxh64Finish, xxh64Start, xxh64Update } from "./xxh64";
export { INFLATE_STATE_BYTES, inflateRun, inflateStart } from "./inflate";
export { INFLATE_WINDOW_BYTES, inflateStreamRun } from "./inflate_stream";
export { applyDelta, deltaSize } from "./delta";
export { indexDeltaBase, searchDelta } from "./delta_search";
export { SHA1_STATE_BYTES, sha1, sha1Finish, sha1Start, sha1Update } from "./sha1";
export { SHA256_STATE_BYTES, sha256, sha256Finish, sha256Start, sha256Update } from "./sha256";
export { lz4Compress, lz4Decompress } from "./lz4";
export {
  KEY_TABLE_BYTES,
  keyTableAddFlags,
  keyTableClose,
  keyTableFind,
  keyTableFlags,
  keyTableInsert,
  keyTableReserve,
  keyTableSelect,
  keyTableSetValue,
  keyTableStart,
  keyTableValue,
} from "./key_table";
export { scanRecords } from "./scan_records";
export { checkTree } from "./tree_check";
export { scanTreeChanges } from "./tree_changes";
