/**
 * The name of an archive that is downloaded: what is archived, in which format, and what the file and
 * the directory in it are called.
 *
 * @module
 */

import type { RepositoryName } from "@gitstratum/core/rpc";
import type { ArchiveFormat } from "./archive_request.ts";

/** What the last part of an archive's address asks for. */
export interface ArchiveFile {
  /** A reference, short or full, an id, or one of them and a path: `v1`, `refs/heads/a/b`, `main:docs`. */
  readonly treeish: string;
  readonly format: ArchiveFormat;
}

/** Endings of files; none is the ending of one before it. */
const FORMATS: readonly ArchiveFormat[] = ["tar.gz", "tgz", "tar", "zip"];

/** Longest name of a file in characters: systems take 255 bytes. */
const FILE_NAME_LENGTH_MAX = 120;

/** Reads `<treeish>.<format>`; undefined when it is nothing of the kind. */
export function parseArchiveFile(text: string): ArchiveFile | undefined {
  const format = FORMATS.find((each) => text.endsWith(`.${each}`));
  if (format === undefined) return undefined;
  const treeish = text.slice(0, -format.length - 1);
  return treeish === "" ? undefined : { treeish, format };
}

/**
 * What to call the directory in the archive, and with the format behind it the file: plain letters
 * that mean nothing to a shell, to a system of files or in a header.
 */
export function archiveBaseName(name: RepositoryName, treeish: string): string {
  const repository = name.slice(name.indexOf("/") + 1);
  const what = treeish.replace(/^refs\/(?:heads|tags)\//, "");
  return `${repository}-${what}`.replaceAll(/[^A-Za-z0-9._+-]+/g, "-")
    .slice(0, FILE_NAME_LENGTH_MAX);
}
