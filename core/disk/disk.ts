/**
 * The disk as a dependency: what a store may ask of a file system, and what it may assume.
 *
 * Fault model: a write may be lost or torn until a later `syncData` of the same file has resolved;
 * a created, renamed or removed name may be lost until `syncDirectory` of its directory has resolved. After a failed
 * sync nothing is known about the pages that were dirty: the owner must stop and recover, never retry.
 *
 * @module
 */

/** An open file with positioned, synchronous I/O through the page cache. */
export interface DiskFile {
  /** Reads up to `buffer.length` bytes at `offset`; returns how many (short only at end of file). */
  readAt(buffer: Uint8Array, offset: number): number;
  /**
   * Writes all of `bytes` at `offset`.
   *
   * @throws `disk-full` when the file system has no room; some of the bytes may be written
   */
  writeAt(bytes: Uint8Array, offset: number): void;
  /** Resolves once everything written before the call is on stable storage. */
  syncData(): Promise<void>;
  /** Cuts or extends the file to `bytes`. */
  truncate(bytes: number): void;
  /** The file's length in bytes. */
  size(): number;
  /** Releases the file. Further calls are bugs. */
  close(): void;
}

/** How to open a file. */
export interface OpenOptions {
  /** Open for writing too. */
  readonly write?: boolean;
  /** Create the file when it is missing. */
  readonly create?: boolean;
  /** Fail with `already-exists` when the file is there. */
  readonly exclusive?: boolean;
}

/** An exclusive claim on a name; it vanishes with the process that holds it, however that ends. */
export interface DiskLock {
  /** Gives the claim up. */
  release(): void;
}

/** A directory tree. Paths are relative to its root and use `/`. */
export interface Disk {
  /**
   * Opens a file.
   *
   * @throws `not-found` when it is missing and not to be created
   */
  open(path: string, options?: OpenOptions): DiskFile;
  /** Whether a file or directory of that name exists. */
  exists(path: string): boolean;
  /** The names in a directory, sorted. An absent directory has none. */
  list(path: string): string[];
  /** Creates a directory and its parents. */
  makeDirectory(path: string): void;
  /** Removes a file; an absent one is no error. */
  remove(path: string): void;
  /** Renames a file, replacing the target atomically. */
  rename(from: string, to: string): void;
  /** Resolves once the names in the directory are on stable storage. */
  syncDirectory(path: string): Promise<void>;
  /**
   * Claims a file, made when it is missing, for this process alone.
   *
   * @throws `denied` when somebody holds it
   */
  lock(path: string): DiskLock;
}
