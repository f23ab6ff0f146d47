/**
 * The repositories that clients used last, in a file, so that the next process can get ready for them.
 *
 * Fault model: the file is a hint. One that is missing, damaged or of another version is an empty list;
 * a crash loses what was used in the last seconds; a disk that fails costs the hint alone.
 *
 * @module
 */

import {
  type Clock,
  hasCode,
  RECENT_REPOSITORY_COUNT_MAX,
  RECENT_REPOSITORY_WRITE_MS,
} from "@gitstratum/core";
import type { Disk } from "@gitstratum/core/disk";
import { parseRepositoryName, type RepositoryName } from "@gitstratum/core/rpc";

const FILE = "recent.json";
const VERSION = 1;
/** Longest file that is read: names are bounded, and so are they in number. */
const FILE_BYTES_MAX = 64 * 1024;

/** What a list works with. */
export interface RecentRepositoriesOptions {
  /** The list's own directory. */
  readonly disk: Disk;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Told of what went wrong, though nobody but the next start will miss it. */
  onTrouble(error: unknown): void;
}

/** Names in order of use, the newest first. */
export class RecentRepositories {
  readonly #options: RecentRepositoriesOptions;
  /** Oldest first. */
  readonly #names: Set<RepositoryName>;
  #writtenAtMs = -Infinity;
  #isDirty = false;

  /** Reads what the process before has left. */
  constructor(options: RecentRepositoriesOptions) {
    this.#options = options;
    this.#names = new Set(this.#read().reverse());
  }

  /** The names, the newest first. */
  list(): RepositoryName[] {
    return [...this.#names].reverse();
  }

  /** Takes note of a use; written down at once, unless something was a few seconds ago. */
  note(name: RepositoryName): void {
    const isKnown = this.#names.delete(name);
    this.#names.add(name);
    this.#isDirty = true;
    // Another order alone can wait for the end.
    if (isKnown) return;
    const [oldest] = this.#names;
    if (this.#names.size > RECENT_REPOSITORY_COUNT_MAX) this.#names.delete(oldest!);
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#writtenAtMs >= RECENT_REPOSITORY_WRITE_MS) this.#write(nowMs);
  }

  /** Writes down what is not yet. */
  close(): void {
    if (this.#isDirty) this.#write(this.#options.clock.monotonicMs());
  }

  #read(): RepositoryName[] {
    const { disk, onTrouble } = this.#options;
    try {
      const file = disk.open(FILE);
      try {
        const bytes = new Uint8Array(Math.min(file.size(), FILE_BYTES_MAX));
        return parseNames(bytes.subarray(0, file.readAt(bytes, 0)));
      } finally {
        file.close();
      }
    } catch (error) {
      if (!hasCode(error, "not-found")) onTrouble(error);
      return [];
    }
  }

  #write(nowMs: number): void {
    const { disk, onTrouble } = this.#options;
    this.#writtenAtMs = nowMs;
    this.#isDirty = false;
    const text = JSON.stringify({ version: VERSION, names: this.list() });
    try {
      // Written aside, so that no crash leaves half a list under the name.
      disk.remove(`${FILE}.new`);
      const file = disk.open(`${FILE}.new`, { write: true, create: true });
      try {
        file.writeAt(new TextEncoder().encode(text), 0);
      } finally {
        file.close();
      }
      disk.rename(`${FILE}.new`, FILE);
    } catch (error) {
      onTrouble(error);
    }
  }
}

/** The names of a file. @throws SyntaxError or `invalid` when it is none of this version */
function parseNames(bytes: Uint8Array): RepositoryName[] {
  const { version, names } = JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  if (version !== VERSION || !Array.isArray(names)) return [];
  return names.slice(0, RECENT_REPOSITORY_COUNT_MAX).map((name) => parseRepositoryName(`${name}`));
}
