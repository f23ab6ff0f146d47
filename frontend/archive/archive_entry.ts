/**
 * What archives are made of.
 *
 * @module
 */

import { isSymlinkMode, MODE_FILE, MODE_KIND_MASK, type Oid } from "@gitstratum/core/git";
import type { ByteText } from "./byte_text.ts";

/** Bytes of a file. */
export type FileContent =
  /** At once. */
  | { readonly kind: "whole"; readonly bytes: Uint8Array }
  /** In runs; to be read once, and before the next entry. */
  | {
    readonly kind: "stream";
    /** In bytes. */
    readonly size: number;
    readonly runs: AsyncIterable<Uint8Array>;
  };

/** One member of an archive. */
export interface ArchiveEntry {
  /** With the prefix; directories end with a slash. */
  readonly path: ByteText;
  /** As in the tree. */
  readonly mode: number;
  readonly oid: Oid;
  /** Absent for directories and submodules. */
  readonly content?: FileContent;
}

/** What an archive says of itself. */
export interface ArchiveFacts {
  /** Absent when a tree is archived that is no commit's root. */
  readonly commit?: Oid;
  /** Time of every entry, in seconds since the Unix epoch. */
  readonly timeS: number;
}

/** Length of a content in bytes. */
export function contentSize(content: FileContent): number {
  return content.kind === "whole" ? content.bytes.length : content.size;
}

/** What an entry becomes. Submodules are empty directories. */
export function entryKind(entry: ArchiveEntry): "directory" | "symlink" | "file" {
  if (isSymlinkMode(entry.mode)) return "symlink";
  return (entry.mode & MODE_KIND_MASK) === MODE_FILE ? "file" : "directory";
}
