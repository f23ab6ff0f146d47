/**
 * The real disk: files of the operating system through `Deno.FsFile`.
 *
 * Reads and writes are a synchronous seek and a synchronous read or write, which cost about a
 * microsecond against the page cache; only syncs are asynchronous. A file that is written has a second
 * handle for syncs, so that a running sync never blocks the file's reads and writes: the two handles
 * share their pages, and a failed write-back is reported to handles opened before it failed.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { type ErrorCode, GitStratumError } from "../error.ts";
import type { Disk, DiskFile, DiskLock, OpenOptions } from "./disk.ts";

/** A directory of the operating system, and what is below it. */
export class FileDisk implements Disk {
  readonly #root: string;

  /** The disk below the directory `root`, which is made when it is missing. */
  constructor(root: string) {
    this.#root = root;
    attempt(root, () => Deno.mkdirSync(root, { recursive: true }));
  }

  /** {@inheritDoc Disk.open} */
  open(path: string, options: OpenOptions = {}): DiskFile {
    const { write = false, create = false, exclusive = false } = options;
    assert(write || !create, "A file is created to be written");
    return attempt(path, () => {
      const full = this.#resolve(path);
      const file = Deno.openSync(full, {
        read: true,
        write,
        create: create && !exclusive,
        createNew: create && exclusive,
      });
      if (!write) return new RealFile(path, file, undefined);
      try {
        return new RealFile(path, file, Deno.openSync(full, { read: true, write: true }));
      } catch (error) {
        file.close();
        throw error;
      }
    });
  }

  /** {@inheritDoc Disk.exists} */
  exists(path: string): boolean {
    return attempt(path, () => {
      try {
        Deno.lstatSync(this.#resolve(path));
        return true;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return false;
        throw error;
      }
    });
  }

  /** {@inheritDoc Disk.list} */
  list(path: string): string[] {
    return attempt(path, () => {
      try {
        return [...Deno.readDirSync(this.#resolve(path))].map((entry) => entry.name).sort();
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return [];
        throw error;
      }
    });
  }

  /** {@inheritDoc Disk.makeDirectory} */
  makeDirectory(path: string): void {
    attempt(path, () => Deno.mkdirSync(this.#resolve(path), { recursive: true }));
  }

  /** {@inheritDoc Disk.remove} */
  remove(path: string): void {
    attempt(path, () => {
      try {
        Deno.removeSync(this.#resolve(path));
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    });
  }

  /** {@inheritDoc Disk.rename} */
  rename(from: string, to: string): void {
    attempt(from, () => Deno.renameSync(this.#resolve(from), this.#resolve(to)));
  }

  /** {@inheritDoc Disk.syncDirectory} */
  async syncDirectory(path: string): Promise<void> {
    const directory = attempt(path, () => Deno.openSync(this.#resolve(path)));
    try {
      await directory.sync();
    } catch (error) {
      throw translate(path, error);
    } finally {
      directory.close();
    }
  }

  /** {@inheritDoc Disk.lock} */
  lock(path: string): DiskLock {
    return attempt(path, () => {
      const options = { read: true, write: true, create: true };
      const file = Deno.openSync(this.#resolve(path), options);
      if (file.tryLockSync(true)) return { release: () => file.close() };
      file.close();
      throw new GitStratumError("denied", "Refuse a directory that another process uses", {
        data: { path: this.#resolve(path) },
      });
    });
  }

  #resolve(path: string): string {
    assert(!path.startsWith("/") && !path.split("/").includes(".."), "A path stays below the root");
    return path === "" ? this.#root : `${this.#root}/${path}`;
  }
}

class RealFile implements DiskFile {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  readonly #syncFile: Deno.FsFile | undefined;

  constructor(path: string, file: Deno.FsFile, syncFile: Deno.FsFile | undefined) {
    this.#path = path;
    this.#file = file;
    this.#syncFile = syncFile;
  }

  readAt(buffer: Uint8Array, offset: number): number {
    return attempt(this.#path, () => {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      let done = 0;
      while (done < buffer.length) {
        const count = this.#file.readSync(done === 0 ? buffer : buffer.subarray(done));
        if (count === null || count === 0) break;
        done += count;
      }
      return done;
    });
  }

  writeAt(bytes: Uint8Array, offset: number): void {
    attempt(this.#path, () => {
      this.#file.seekSync(offset, Deno.SeekMode.Start);
      let done = 0;
      while (done < bytes.length) {
        done += this.#file.writeSync(done === 0 ? bytes : bytes.subarray(done));
      }
    });
  }

  async syncData(): Promise<void> {
    assert(this.#syncFile !== undefined, "A file that is synced was opened for writing");
    try {
      await this.#syncFile.syncData();
    } catch (error) {
      throw translate(this.#path, error);
    }
  }

  truncate(bytes: number): void {
    attempt(this.#path, () => this.#file.truncateSync(bytes));
  }

  size(): number {
    return attempt(this.#path, () => this.#file.statSync().size);
  }

  close(): void {
    this.#file.close();
    this.#syncFile?.close();
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw translate(path, error);
  }
}

function translate(path: string, error: unknown): unknown {
  if (error instanceof GitStratumError || !(error instanceof Error)) return error;
  const code = codeOf(error);
  if (code === undefined) return error;
  return new GitStratumError(code, MESSAGES[code], {
    data: { path, reason: error.message },
    cause: error,
  });
}

type DiskErrorCode = Extract<
  ErrorCode,
  "disk-full" | "not-found" | "already-exists" | "denied" | "corrupt" | "unavailable"
>;

const MESSAGES: Readonly<Record<DiskErrorCode, string>> = {
  "disk-full": "Find no room on the disk",
  "not-found": "Find no such file",
  "already-exists": "Find the file present",
  "denied": "Lack permission on the disk",
  "corrupt": "Meet a fault of the disk",
  "unavailable": "Fail to use the disk",
};

const CODES_BY_NUMBER: Readonly<Record<string, DiskErrorCode>> = {
  ENOSPC: "disk-full",
  EDQUOT: "disk-full",
  EFBIG: "disk-full",
  ENOENT: "not-found",
  EEXIST: "already-exists",
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "denied",
  EIO: "corrupt",
};

/** The code for an error of the operating system; undefined when it is none, but a bug. */
function codeOf(error: Error & { readonly code?: unknown }): DiskErrorCode | undefined {
  if (error instanceof Deno.errors.NotFound) return "not-found";
  if (error instanceof Deno.errors.AlreadyExists) return "already-exists";
  if (error instanceof Deno.errors.PermissionDenied) return "denied";
  if (typeof error.code !== "string") return undefined;
  return CODES_BY_NUMBER[error.code] ?? "unavailable";
}
