/**
 * The directory of a metadata node's tables, which are real SQLite files, and what a crash leaves of
 * them.
 *
 * A process that is killed leaves all it wrote. A loss of power may take the tail of the write-ahead
 * log: what was committed there and not yet taken over into the tables. The next process gets copies,
 * so that what is left of the one before can do no harm.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";

const FILE = "metadata.sqlite";
/** Where the index of the write-ahead log says how many of its frames are in the tables (SQLite's format). */
const BACKFILL_OFFSET = 96;
const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const PAGE_SIZE_OFFSET = 8;

/** Memory that looks like a disk, where the system has it: nothing here has to survive. */
function scratchRoot(): string | undefined {
  try {
    return Deno.statSync("/dev/shm").isDirectory ? "/dev/shm" : undefined;
  } catch {
    return undefined;
  }
}

/** A directory over several lives of a process. */
export class SqliteDirectory implements Disposable {
  readonly #root: string;
  #generation = 0;

  /** Makes an empty directory. */
  constructor() {
    const dir = scratchRoot();
    this.#root = Deno.makeTempDirSync({ prefix: "gitstratum-sim-", ...(dir && { dir }) });
    Deno.mkdirSync(this.path);
  }

  /** Where the process of now has its files. */
  get path(): string {
    return `${this.#root}/${this.#generation}`;
  }

  /** Whether there are no tables. */
  get isEmpty(): boolean {
    return readIfThere(`${this.path}/${FILE}`) === undefined;
  }

  /** Ends the hold of the process before; it leaves everything. */
  kill(): void {
    this.#next((from, to) => {
      for (const name of [FILE, `${FILE}-wal`]) copyIfThere(`${from}/${name}`, `${to}/${name}`);
    });
  }

  /** Ends the hold of the process before by a loss of power. */
  losePower(random: SeededRandom): void {
    this.#next((from, to) => {
      copyIfThere(`${from}/${FILE}`, `${to}/${FILE}`);
      const wal = readIfThere(`${from}/${FILE}-wal`);
      const index = readIfThere(`${from}/${FILE}-shm`);
      if (wal === undefined) return;
      const keep = safeBytes(wal, index);
      const bytes = keep + random.below(wal.length - keep + 1);
      Deno.writeFileSync(`${to}/${FILE}-wal`, wal.subarray(0, bytes));
    });
  }

  /** Ends the hold of the process before; the disk is a new one. */
  lose(): void {
    this.#next(() => {});
  }

  /** Removes everything. */
  [Symbol.dispose](): void {
    Deno.removeSync(this.#root, { recursive: true });
  }

  #next(leave: (from: string, to: string) => void): void {
    const from = this.path;
    this.#generation++;
    Deno.mkdirSync(this.path);
    leave(from, this.path);
    Deno.removeSync(from, { recursive: true });
  }
}

/** Bytes of a log that its tables already depend on. */
function safeBytes(wal: Uint8Array, index: Uint8Array | undefined): number {
  if (wal.length < WAL_HEADER_BYTES) return 0;
  const pageBytes = new DataView(wal.buffer).getUint32(PAGE_SIZE_OFFSET);
  const isKnown = index !== undefined && index.length >= BACKFILL_OFFSET + 4;
  const frames = isKnown ? new DataView(index.buffer).getUint32(BACKFILL_OFFSET, true) : 0;
  return Math.min(wal.length, WAL_HEADER_BYTES + frames * (FRAME_HEADER_BYTES + pageBytes));
}

function readIfThere(path: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function copyIfThere(from: string, to: string): void {
  const bytes = readIfThere(from);
  if (bytes !== undefined) Deno.writeFileSync(to, bytes);
}
