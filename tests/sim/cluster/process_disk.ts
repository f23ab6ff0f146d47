/**
 * A disk as one process sees it: usable while the process lives.
 *
 * Each change and each sync is an act of the process, so that a crash may come between any two. What a
 * process that has ended still tries throws: nothing after it runs, which comes as near to a SIGKILL as
 * synchronous code allows.
 *
 * @module
 */

import type { Disk, DiskFile, DiskLock, MemoryDisk, OpenOptions } from "@gitstratum/core/disk";
import { PowerLoss } from "@gitstratum/core/disk";
import { never, type SimProcess } from "../world/sim_process.ts";

/** A {@link Disk} of a process. */
export class ProcessDisk implements Disk {
  readonly #disk: MemoryDisk;
  readonly #process: SimProcess;

  /** Makes a process's view of a disk. */
  constructor(disk: MemoryDisk, process: SimProcess) {
    this.#disk = disk;
    this.#process = process;
  }

  /** {@inheritDoc Disk.open} */
  open(path: string, options: OpenOptions = {}): DiskFile {
    this.#act();
    const file = this.#disk.open(path, options);
    return {
      readAt: (buffer, offset) => {
        this.#live();
        return file.readAt(buffer, offset);
      },
      writeAt: (bytes, offset) => {
        this.#act();
        file.writeAt(bytes, offset);
      },
      syncData: () => this.#sync(() => file.syncData()),
      truncate: (bytes) => {
        this.#act();
        file.truncate(bytes);
      },
      size: () => {
        this.#live();
        return file.size();
      },
      close: () => file.close(),
    };
  }

  /** {@inheritDoc Disk.exists} */
  exists(path: string): boolean {
    this.#live();
    return this.#disk.exists(path);
  }

  /** {@inheritDoc Disk.list} */
  list(path: string): string[] {
    this.#live();
    return this.#disk.list(path);
  }

  /** {@inheritDoc Disk.makeDirectory} */
  makeDirectory(path: string): void {
    this.#act();
    this.#disk.makeDirectory(path);
  }

  /** {@inheritDoc Disk.remove} */
  remove(path: string): void {
    this.#act();
    this.#disk.remove(path);
  }

  /** {@inheritDoc Disk.rename} */
  rename(from: string, to: string): void {
    this.#act();
    this.#disk.rename(from, to);
  }

  /** {@inheritDoc Disk.syncDirectory} */
  syncDirectory(path: string): Promise<void> {
    return this.#sync(() => this.#disk.syncDirectory(path));
  }

  /** {@inheritDoc Disk.lock} */
  lock(path: string): DiskLock {
    this.#act();
    return this.#disk.lock(path);
  }

  async #sync(sync: () => Promise<void>): Promise<void> {
    if (!this.#process.act()) return await never();
    await sync();
    if (!this.#process.isAlive) await never();
  }

  #act(): void {
    if (!this.#process.act()) throw new PowerLoss();
  }

  #live(): void {
    if (!this.#process.isAlive) throw new PowerLoss();
  }
}
