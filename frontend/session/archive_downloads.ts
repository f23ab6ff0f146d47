/**
 * Archives over HTTP: the same as those of `git archive --remote`, by a plain address.
 *
 * Ids are taken, other than there: of what the repository's visible references reach.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { GitStratumError, hasCode } from "@gitstratum/core";
import type { RepositoryInfo, RepositoryName } from "@gitstratum/core/rpc";
import type { Admission } from "../admission/admission.ts";
import { encodeArchive } from "../archive/archive_encoding.ts";
import { archiveBaseName, type ArchiveFile } from "../archive/archive_file.ts";
import type { ArchiveFormat } from "../archive/archive_request.ts";
import { utf8ByteText } from "../archive/byte_text.ts";
import { PathSelection } from "../archive/path_selection.ts";
import { TreeArchive } from "../archive/tree_archive.ts";
import { type ArchiveRoot, ArchiveRootFinder } from "../archive/tree_ish.ts";
import { TreeObjects } from "../archive/tree_objects.ts";
import type { RepositoryAccess } from "./repository_access.ts";
import type { SessionCaller } from "./session.ts";
import type { UploadArchiveOptions } from "./upload_archive_session.ts";

/** Raised when the same tree makes other bytes than before. */
const ENCODING_VERSION = 1;

/** What downloads are made with. */
export interface ArchiveDownloadsOptions extends UploadArchiveOptions {
  readonly access: Pick<RepositoryAccess, "forFetch">;
  /** Bounds what clients ask for; absent = nothing does. */
  readonly admission?: Pick<Admission, "countCaller" | "run">;
}

/** An archive that can be sent. */
export interface ArchiveDownload {
  /** The repository's present name. */
  readonly repository: RepositoryName;
  readonly format: ArchiveFormat;
  /** Without directories. */
  readonly fileName: string;
  /** The same for the same bytes; absent when they depend on the time. */
  readonly tag?: string;
  /** The bytes; to be called once. */
  bytes(): AsyncGenerator<Uint8Array>;
}

/** Finds what is to be archived, for whoever may read it. */
export class ArchiveDownloads {
  readonly #options: ArchiveDownloadsOptions;

  /** Makes downloads with the given parts. */
  constructor(options: ArchiveDownloadsOptions) {
    this.#options = options;
  }

  /**
   * Finds what a client asks for.
   *
   * @throws `not-found`, `unauthenticated`, `exhausted`
   */
  async open(
    name: RepositoryName,
    file: ArchiveFile,
    caller: SessionCaller,
  ): Promise<ArchiveDownload> {
    const { access, admission, metadata, rebuilder } = this.#options;
    admission?.countCaller(caller, name);
    const repository = await access.forFetch(name, caller);
    const objects = new TreeObjects(repository, { metadata, rebuilder, signal: caller.signal });
    const root = await this.#find(repository, file.treeish, objects);
    const baseName = archiveBaseName(repository.name, file.treeish);
    const tag = tagOf(root, { file, baseName, repository });
    return {
      repository: repository.name,
      format: file.format,
      fileName: `${baseName}.${file.format}`,
      ...(tag === undefined ? {} : { tag }),
      bytes: () => this.#bytes(root, { file, baseName, objects, caller, repository }),
    };
  }

  async #find(
    repository: RepositoryInfo,
    treeish: string,
    objects: TreeObjects,
  ): Promise<ArchiveRoot> {
    const { metadata } = this.#options;
    const finder = new ArchiveRootFinder(repository, { metadata, objects, takesIds: true });
    try {
      return await finder.find(treeish);
    } catch (error) {
      // What git calls a bad argument is here an address that leads nowhere.
      if (!hasCode(error, "invalid")) throw error;
      throw new GitStratumError("not-found", "Find nothing to archive under this name", {
        data: { name: treeish.slice(0, 250) },
        cause: error,
      });
    }
  }

  async *#bytes(
    root: ArchiveRoot,
    { file, baseName, objects, caller, repository }: {
      readonly file: ArchiveFile;
      readonly baseName: string;
      readonly objects: TreeObjects;
      readonly caller: SessionCaller;
      readonly repository: RepositoryInfo;
    },
  ): AsyncGenerator<Uint8Array> {
    const { clock, admission } = this.#options;
    const release = await admission?.run(caller, repository.name);
    try {
      const archive = new TreeArchive({
        objects,
        selection: new PathSelection([]),
        prefix: utf8ByteText(`${baseName}/`),
        ...(root.commit === undefined ? {} : { facts: root.commit.facts }),
      });
      const timeS = root.commit?.timeS ?? Math.floor(clock.nowMs() / 1000);
      const facts = root.commit === undefined ? { timeS } : { timeS, commit: root.commit.oid };
      yield* encodeArchive(archive.entries(root.tree), facts, file);
    } finally {
      release?.();
    }
  }
}

/** Names the bytes by all that they are made of; undefined for a bare tree, whose files have no time. */
function tagOf(
  { tree, commit }: ArchiveRoot,
  { file, baseName, repository }: {
    readonly file: ArchiveFile;
    readonly baseName: string;
    readonly repository: RepositoryInfo;
  },
): string | undefined {
  if (commit === undefined) return undefined;
  const { repositoryId } = repository;
  const made = [ENCODING_VERSION, repositoryId, tree, commit.oid, commit.names, baseName];
  return createHash("sha256").update(JSON.stringify([...made, file.format])).digest("hex")
    .slice(0, 40);
}
