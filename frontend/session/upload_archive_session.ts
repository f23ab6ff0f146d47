/**
 * The server side of `git archive --remote`: arguments in packets, then the archive on side band 1 and
 * what is for people on side band 2.
 *
 * The conversation has no specification; it is what git-upload-archive and git-archive do.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import {
  flushPkt,
  frameSideBand,
  frameSideBandText,
  PktLineBuffer,
  PktLineReader,
  pktText,
  protocolError,
} from "@gitstratum/core/protocol";
import type { Metadata, RepositoryInfo } from "@gitstratum/core/rpc";
import { encodeArchive } from "../archive/archive_encoding.ts";
import type { ArchiveEntry, ArchiveFacts } from "../archive/archive_entry.ts";
import {
  ARCHIVE_FORMATS,
  type ArchiveRequest,
  parseArchiveRequest,
} from "../archive/archive_request.ts";
import { joinBytes, NO_BYTES, toBytes, utf8ByteText } from "../archive/byte_text.ts";
import { PathSelection } from "../archive/path_selection.ts";
import { TreeArchive } from "../archive/tree_archive.ts";
import { type ArchiveRoot, ArchiveRootFinder } from "../archive/tree_ish.ts";
import { TreeObjects, type TreeObjectsOptions } from "../archive/tree_objects.ts";
import type { ConversationEnd } from "./session.ts";
import { isCallersFault, shownError } from "./shown_error.ts";

/** Arguments of one request, as many as git takes. */
const ARGUMENT_COUNT_MAX = 63;
/** Bytes of all arguments. */
const ARGUMENT_BYTES_MAX = 256 * 1024;
const ARGUMENT = "argument ";
/** What git says when it can not finish an archive. */
const DIED = "git upload-archive: archiver died with error";

/** What archives are made with. */
export interface UploadArchiveOptions {
  readonly metadata: Pick<Metadata, "locate" | "listReferences">;
  readonly rebuilder: TreeObjectsOptions["rebuilder"];
  readonly clock: Clock;
}

/** A request for an archive. */
type Wanted = Extract<ArchiveRequest, { kind: "archive" }>;

/** One conversation about an archive of a repository. */
export class UploadArchiveSession {
  readonly #options: UploadArchiveOptions;
  readonly #repository: RepositoryInfo;
  readonly #signal: AbortSignal;

  /** Makes a session; the signal aborts when the client is gone. */
  constructor(options: UploadArchiveOptions, repository: RepositoryInfo, signal: AbortSignal) {
    this.#options = options;
    this.#repository = repository;
    this.#signal = signal;
  }

  /** Reads the request and answers it. A failure is told, then thrown when it is not the client's. */
  async *respond(
    body: ReadableStream<Uint8Array>,
  ): AsyncGenerator<Uint8Array, ConversationEnd> {
    yield new PktLineBuffer().text("ACK\n").flush().take();
    try {
      const request = parseArchiveRequest(await readArguments(body));
      yield* request.kind === "list" ? this.#list() : this.#archive(request);
    } catch (error) {
      yield frameSideBandText(2, `fatal: ${shownError(error)}\n`);
      yield frameSideBandText(3, DIED);
      if (!isCallersFault(error)) throw error;
      return "refused";
    }
    yield flushPkt();
    return "answered";
  }

  *#list(): Generator<Uint8Array> {
    yield frameSideBandText(1, ARCHIVE_FORMATS.map((format) => `${format}\n`).join(""));
  }

  async *#archive(request: Wanted): AsyncGenerator<Uint8Array> {
    const { metadata, rebuilder } = this.#options;
    const objects = new TreeObjects(this.#repository, {
      metadata,
      rebuilder,
      signal: this.#signal,
    });
    const finder = new ArchiveRootFinder(this.#repository, { metadata, objects });
    const root = await finder.find(request.treeish);
    const archive = new TreeArchive({
      objects,
      selection: new PathSelection(request.paths),
      prefix: utf8ByteText(request.prefix),
      ...(root.commit === undefined ? {} : { facts: root.commit.facts }),
    });
    const unmatched = await archive.unmatchedPath(root.tree);
    if (unmatched !== undefined) {
      throw protocolError(`pathspec '${unmatched}' did not match any files`);
    }
    yield* this.#send(request, root, archive.entries(root.tree));
  }

  async *#send(
    request: Wanted,
    root: ArchiveRoot,
    entries: AsyncGenerator<ArchiveEntry>,
  ): AsyncGenerator<Uint8Array> {
    const told = new ToldPaths(request.verbose);
    const facts = this.#facts(request, root);
    for await (const batch of encodeArchive(told.passing(entries), facts, request)) {
      yield* told.take();
      yield frameSideBand(1, batch);
    }
    yield* told.take();
  }

  #facts(request: Wanted, root: ArchiveRoot): ArchiveFacts {
    const nowS = () => Math.floor(this.#options.clock.nowMs() / 1000);
    const timeS = request.timeS ?? root.commit?.timeS ?? nowS();
    const commit: Oid | undefined = root.commit?.oid;
    return commit === undefined ? { timeS } : { timeS, commit };
  }
}

async function readArguments(body: ReadableStream<Uint8Array>): Promise<string[]> {
  const reader = new PktLineReader(body, { bytesMax: ARGUMENT_BYTES_MAX });
  const words: string[] = [];
  for (;;) {
    const packet = await reader.expect();
    if (packet.kind === "flush") return words;
    const text = packet.kind === "data" ? pktText(packet.payload) : "";
    if (!text.startsWith(ARGUMENT)) throw protocolError("'argument' token or flush expected");
    if (words.push(text.slice(ARGUMENT.length)) > ARGUMENT_COUNT_MAX) {
      throw protocolError(`Too many options (>${ARGUMENT_COUNT_MAX})`);
    }
  }
}

/** Paths for a client that wants to see what is written. */
class ToldPaths {
  readonly #verbose: boolean;
  #text = NO_BYTES;

  constructor(verbose: boolean) {
    this.#verbose = verbose;
  }

  /** The same entries, remembered as they pass. */
  async *passing(entries: AsyncIterable<ArchiveEntry>): AsyncGenerator<ArchiveEntry> {
    for await (const entry of entries) {
      if (this.#verbose) this.#text = joinBytes(this.#text, entry.path, "\n");
      yield entry;
    }
  }

  /** What has passed since the last time, as packets. */
  *take(): Generator<Uint8Array> {
    if (this.#text === "") return;
    yield frameSideBand(2, toBytes(this.#text));
    this.#text = NO_BYTES;
  }
}
