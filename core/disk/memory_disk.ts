/**
 * A disk in memory that fails on purpose: the twin of the real one for tests and the simulator.
 *
 * It keeps, beside what programs see, what has reached stable storage. {@link MemoryDisk.crash} throws
 * the first away and rebuilds a disk from the second, to which a random part of the unsynced changes
 * is added: each write wholly, not at all or torn at sector borders, in any combination; each change
 * of a name made or not. That is the fault model of `disk.ts`, at its worst.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { GitStratumError } from "../error.ts";
import { SeededRandom } from "../seeded_random.ts";
import type { Disk, DiskFile, DiskLock, OpenOptions } from "./disk.ts";
import { MemoryFile } from "./memory_file.ts";

/** The error of everything that is tried after the power went. */
export class PowerLoss extends Error {
  /** Makes the error. */
  constructor() {
    super("The power is off");
    this.name = "PowerLoss";
  }
}

/** Faults that a {@link MemoryDisk} injects. May be changed while the disk is in use. */
export interface DiskFaults {
  /** Room for the content of all files together, in bytes; more is `disk-full`. */
  capacityBytes?: number;
  /**
   * Asked before each sync of a file or directory; true makes that sync fail. What it covered is then
   * lost for stable storage, though programs see it and later syncs succeed.
   */
  failSync?: (path: string) => boolean;
  /** Awaited in each sync of a file, before it takes effect: a slow disk. */
  delaySync?: (path: string) => Promise<void>;
  /** The power goes in the change (write, truncate, name, sync) after so many changes. */
  changesUntilPowerLoss?: number;
}

type NameChange =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly file: MemoryFile }
  | { readonly kind: "unlink"; readonly path: string }
  | {
    readonly kind: "rename";
    readonly from: string;
    readonly path: string;
    readonly file: MemoryFile;
  };

interface Names {
  readonly files: Map<string, MemoryFile>;
  readonly directories: Set<string>;
}

/** A disk whose content is in memory. */
export class MemoryDisk implements Disk {
  /** The faults to inject. */
  readonly faults: DiskFaults;
  readonly #seen: Names;
  readonly #stable: Names;
  readonly #locks = new Set<string>();
  #unsynced: NameChange[] = [];
  #off = false;

  /** Makes an empty disk. */
  constructor(faults: DiskFaults = {}) {
    this.faults = faults;
    this.#seen = { files: new Map(), directories: new Set([""]) };
    this.#stable = { files: new Map(), directories: new Set([""]) };
  }

  /** Bytes of all files as programs see them. */
  get bytes(): number {
    let sum = 0;
    for (const file of this.#seen.files.values()) sum += file.bytes;
    return sum;
  }

  /** Whether the power went. */
  get off(): boolean {
    return this.#off;
  }

  /**
   * Turns the power off and on again.
   *
   * @returns the disk as it is found afterwards; this one answers nothing but {@link PowerLoss}
   */
  crash(seed: number): MemoryDisk {
    this.#off = true;
    const random = new SeededRandom(seed);
    for (const change of this.#unsynced) if (random.chance(0.5)) apply(this.#stable, change);
    const after = new MemoryDisk();
    for (const path of this.#stable.directories) after.#addDirectory(path);
    for (const [path, file] of this.#stable.files) {
      // A file is lost with the directory that holds it.
      if (!this.#stable.directories.has(parentOf(path))) continue;
      const found = file.crash(random);
      after.#seen.files.set(path, found);
      after.#stable.files.set(path, found);
    }
    return after;
  }

  /** The disk as another process finds it when this one was killed: everything written is there. */
  kill(): MemoryDisk {
    this.#off = true;
    const after = new MemoryDisk();
    for (const path of this.#seen.directories) after.#addDirectory(path);
    for (const [path, file] of this.#seen.files) {
      const found = file.copy();
      after.#seen.files.set(path, found);
      after.#stable.files.set(path, found);
    }
    return after;
  }

  /** {@inheritDoc Disk.open} */
  open(path: string, options: OpenOptions = {}): DiskFile {
    this.#checkPower();
    const { write = false, create = false, exclusive = false } = options;
    assert(write || !create, "A file is created to be written");
    let file = this.#seen.files.get(path);
    if (file !== undefined && create && exclusive) {
      throw new GitStratumError("already-exists", "Find the file present", { data: { path } });
    }
    if (file === undefined) {
      if (!create || !this.#seen.directories.has(parentOf(path))) {
        throw new GitStratumError("not-found", "Find no such file", { data: { path } });
      }
      file = new MemoryFile();
      this.#changeName({ kind: "link", path, file });
    }
    return this.#handle(path, file, write);
  }

  #handle(path: string, file: MemoryFile, write: boolean): DiskFile {
    let open = true;
    const use = () => {
      assert(open, "A closed file is not used");
      this.#checkPower();
    };
    return {
      readAt: (buffer, offset) => {
        use();
        return file.read(buffer, offset);
      },
      writeAt: (bytes, offset) => {
        use();
        assert(write, "A file that is written was opened for writing");
        this.#write(path, file, { bytes, offset });
      },
      syncData: () => {
        use();
        return this.#sync(path, file);
      },
      truncate: (bytes) => {
        use();
        assert(write, "A file that is cut was opened for writing");
        file.truncate(bytes);
        this.#countChange();
      },
      size: () => {
        use();
        return file.bytes;
      },
      close: () => {
        open = false;
      },
    };
  }

  #write(
    path: string,
    file: MemoryFile,
    { bytes, offset }: { readonly bytes: Uint8Array; readonly offset: number },
  ): void {
    const growth = Math.max(0, offset + bytes.length - file.bytes);
    const room = (this.faults.capacityBytes ?? Infinity) - this.bytes;
    if (growth <= room) file.write(bytes, offset);
    else {
      // As a real disk does: what fits is written before the error is raised.
      file.write(bytes.subarray(0, Math.max(0, bytes.length - growth + room)), offset);
      throw new GitStratumError("disk-full", "Find no room on the disk", { data: { path } });
    }
    this.#countChange();
  }

  async #sync(path: string, file: MemoryFile): Promise<void> {
    const upTo = file.changeCount;
    await this.faults.delaySync?.(path);
    this.#checkPower();
    this.#countChange();
    if (this.faults.failSync?.(path)) {
      file.lose(upTo);
      throw new GitStratumError("corrupt", "Meet a fault of the disk", { data: { path } });
    }
    file.sync(upTo);
  }

  /** {@inheritDoc Disk.exists} */
  exists(path: string): boolean {
    this.#checkPower();
    return this.#seen.files.has(path) || this.#seen.directories.has(path);
  }

  /** {@inheritDoc Disk.list} */
  list(path: string): string[] {
    this.#checkPower();
    return [...this.#seen.files.keys(), ...this.#seen.directories]
      .filter((name) => name !== "" && parentOf(name) === path)
      .map((name) => name.slice(path === "" ? 0 : path.length + 1))
      .sort();
  }

  /** {@inheritDoc Disk.makeDirectory} */
  makeDirectory(path: string): void {
    this.#checkPower();
    if (path === "" || this.#seen.directories.has(path)) return;
    this.makeDirectory(parentOf(path));
    this.#changeName({ kind: "directory", path });
  }

  /** {@inheritDoc Disk.remove} */
  remove(path: string): void {
    this.#checkPower();
    if (this.#seen.files.has(path)) this.#changeName({ kind: "unlink", path });
  }

  /** {@inheritDoc Disk.rename} */
  rename(from: string, to: string): void {
    this.#checkPower();
    const file = this.#seen.files.get(from);
    if (file === undefined) {
      throw new GitStratumError("not-found", "Find no such file", { data: { path: from } });
    }
    this.#changeName({ kind: "rename", from, path: to, file });
  }

  /** {@inheritDoc Disk.syncDirectory} */
  async syncDirectory(path: string): Promise<void> {
    this.#checkPower();
    const asked = new Set(this.#unsynced.filter((change) => parentOf(change.path) === path));
    await Promise.resolve();
    this.#checkPower();
    this.#countChange();
    if (this.faults.failSync?.(path)) {
      throw new GitStratumError("corrupt", "Meet a fault of the disk", { data: { path } });
    }
    for (const change of this.#unsynced) if (asked.has(change)) apply(this.#stable, change);
    this.#unsynced = this.#unsynced.filter((change) => !asked.has(change));
  }

  /** {@inheritDoc Disk.lock} */
  lock(path: string): DiskLock {
    this.#checkPower();
    if (this.#locks.has(path)) {
      throw new GitStratumError("denied", "Refuse a directory that another process uses", {
        data: { path },
      });
    }
    this.#locks.add(path);
    return { release: () => void this.#locks.delete(path) };
  }

  #addDirectory(path: string): void {
    this.#seen.directories.add(path);
    this.#stable.directories.add(path);
  }

  #changeName(change: NameChange): void {
    apply(this.#seen, change);
    this.#unsynced.push(change);
    this.#countChange();
  }

  #countChange(): void {
    if (this.faults.changesUntilPowerLoss === undefined) return;
    if (this.faults.changesUntilPowerLoss-- > 0) return;
    this.#off = true;
    throw new PowerLoss();
  }

  #checkPower(): void {
    if (this.#off) throw new PowerLoss();
  }
}

function apply(names: Names, change: NameChange): void {
  switch (change.kind) {
    case "directory":
      names.directories.add(change.path);
      return;
    case "link":
      names.files.set(change.path, change.file);
      return;
    case "unlink":
      names.files.delete(change.path);
      return;
    case "rename":
      names.files.delete(change.from);
      names.files.set(change.path, change.file);
      return;
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "" : path.slice(0, slash);
}
