/**
 * The disk under the tables: what SQLite does not say of it.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";

/** What a node asks of the disk that its tables are on. */
export interface TableDisk {
  /** Whether so many bytes more find room now. */
  hasRoom(bytes: number): Promise<boolean>;
  /**
   * Told before `writer` commits what it has open, or syncs what it committed; what this takes, that
   * takes. Absent: it is SQLite's affair alone.
   *
   * @throws what that is to fail with: errors of SQLite have an `errcode`
   */
  committing?(writer: DatabaseSync): Promise<void>;
}

/** The disk of a directory. */
export class DirectoryDisk implements TableDisk {
  readonly #directory: string;

  /** Asks the disk that a directory is on; it need not be there yet. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Writes so many bytes, and removes them: free space that is told may be kept for others. */
  async hasRoom(bytes: number): Promise<boolean> {
    const path = `${this.#directory}/room.probe`;
    try {
      await Deno.writeFile(path, new Uint8Array(bytes));
      return true;
    } catch {
      // That is the answer; the failure that made somebody ask was told.
      return false;
    } finally {
      await Deno.remove(path).catch(() => {
        // It could not even be made.
      });
    }
  }
}
