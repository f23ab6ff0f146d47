/**
 * The disk as a dependency: interface, the real one, and one in memory with injected faults.
 *
 * @module
 */

export * from "./disk.ts";
export * from "./file_disk.ts";
export * from "./memory_disk.ts";
