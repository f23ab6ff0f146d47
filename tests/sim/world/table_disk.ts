/**
 * The disk under a metadata node's tables as one process sees it: it is slow, full, or fails.
 *
 * The files are real, and so is SQLite. A disk that gets full lets the tables have a few pages more, so
 * that SQLite itself finds no room in the middle of a work, and takes a few more commits; then it
 * refuses them, as it does when the log has to grow. What is refused is gone; what is slow leaves the
 * process to its other work, or stands in its way, as writes of SQLite do.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import type { TableDisk } from "@gitstratum/metadata";
import type { SimLoop } from "./sim_loop.ts";
import { never, type SimProcess } from "./sim_process.ts";

/** How a disk fares; changes while it is in use. */
export interface TableFaults {
  /** It is full but for this. */
  full?: {
    /** What the tables may still grow by; SQLite refuses the rest. */
    readonly pageCount: number;
    /** Commits that are still taken. */
    commitCount: number;
  };
  /** How long a commit takes, in milliseconds. */
  delayMs?: () => number;
  /** Whether nothing else of the process goes on meanwhile. */
  standsStill?: boolean;
  /** Whether a commit fails for another reason. */
  fails?: () => boolean;
}

/** Codes of SQLite: no room, and a disk that fails. */
const SQLITE_FULL = 13;
const SQLITE_IOERR = 10;
/** What SQLite's own limit is. */
const PAGE_COUNT_MAX = 4294967294;

/** A {@link TableDisk} of a process. */
export class SimTableDisk implements TableDisk {
  readonly #loop: SimLoop;
  readonly #process: SimProcess;
  readonly #faults: TableFaults;
  #isLimited = false;

  /** Makes a process's view of a disk. */
  constructor(
    faults: TableFaults,
    parts: { readonly loop: SimLoop; readonly process: SimProcess },
  ) {
    this.#faults = faults;
    this.#loop = parts.loop;
    this.#process = parts.process;
  }

  /** {@inheritDoc TableDisk.hasRoom} */
  async hasRoom(): Promise<boolean> {
    if (!this.#process.act()) return await never();
    return this.#faults.full === undefined;
  }

  /** {@inheritDoc TableDisk.committing} */
  async committing(writer: DatabaseSync): Promise<void> {
    if (!this.#process.act()) return await never();
    const { delayMs } = this.#faults;
    if (delayMs !== undefined) await this.#delay(delayMs());
    const { full, fails } = this.#faults;
    this.#limit(writer, full?.pageCount);
    if (full !== undefined && --full.commitCount < 0) throw failure(SQLITE_FULL);
    if (fails?.()) throw failure(SQLITE_IOERR);
  }

  #delay(ms: number): Promise<void> {
    const process = this.#process;
    if (!this.#faults.standsStill) {
      return new Promise((resolve) => void process.after(ms, "commits", resolve));
    }
    process.stop();
    return new Promise((resolve) => {
      this.#loop.after(ms, `${process.name} commits`, () => {
        if (!process.isAlive) return;
        process.resume();
        resolve();
      });
    });
  }

  /** From the next transaction on, the tables grow by so many pages at most; by any number when none is given. */
  #limit(writer: DatabaseSync, pageCount: number | undefined): void {
    const isLimited = pageCount !== undefined;
    if (isLimited === this.#isLimited) return;
    this.#isLimited = isLimited;
    const present = Number(writer.prepare("PRAGMA page_count").get()!["page_count"]);
    const most = isLimited ? present + pageCount : PAGE_COUNT_MAX;
    writer.exec(`PRAGMA max_page_count = ${most}`);
  }
}

function failure(errcode: number): Error {
  const text = errcode === SQLITE_FULL ? "database or disk is full" : "disk I/O error";
  return Object.assign(new Error(text), { errcode });
}
