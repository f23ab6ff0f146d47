/**
 * Kernels in WebAssembly for what is done to every byte: checksums, hashes, inflate, deltas. They
 * know formats of bytes, and nothing of repositories.
 *
 * The functions on byte arrays are for occasional use; {@link Kernels} with {@link Inflater} and
 * the hashers is for those who keep data in linear memory from step to step.
 *
 * @module
 */

export { type DeltaSizes, type DeltaStatus, Kernels, lz4BytesMax } from "./kernels.ts";
export type { KernelExports } from "./kernel_exports.ts";
export { KernelError, type KernelErrorReason } from "./kernel_error.ts";
export { Inflater, type InflateStatus } from "./inflater.ts";
export { type HashAlgorithm, Hasher, Xxh64Hasher } from "./hasher.ts";
export { KeyTable, type ScanStatus, SKIP_CLASS } from "./key_table.ts";
export {
  adler32,
  crc32,
  inflate,
  type Inflated,
  lz4Compress,
  lz4Decompress,
  sha1,
  sha256,
  xxh64,
} from "./one_shot.ts";
export { applyDelta } from "./delta.ts";
export { DeltaEncoder } from "./delta_encoder.ts";
