/**
 * Clones for nobody, before the first client comes: what they pass through is compiled afterwards, and
 * the metadata has the indexes of what is likely to be asked for.
 *
 * A rehearsal walks the same way as a request of git's client, from the session on. It stops when its
 * time is over, at the next chunk at the latest. What it has asked the metadata to load goes on
 * loading.
 *
 * Fault model: nothing that fails here matters to anybody; it is told and the next repository has its
 * turn.
 *
 * @module
 */

import { type Clock, REHEARSED_TIP_COUNT_MAX } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { delimPkt, flushPkt, pktLine } from "@gitstratum/core/protocol";
import type { Metadata, RepositoryInfo, RepositoryName } from "@gitstratum/core/rpc";
import type { UploadPackSession } from "../session/upload_pack_session.ts";

/** What a rehearsal works with. */
export interface RehearsalOptions {
  readonly metadata: Pick<Metadata, "findRepository" | "listReferences">;
  readonly clock: Clock;
  /** A session of protocol version 2 whose packs nobody else shares. */
  newSession(repository: RepositoryInfo, signal: AbortSignal): Pick<UploadPackSession, "respond">;
  /** Told of what failed. */
  onTrouble(error: unknown, facts: { readonly name: RepositoryName }): void;
}

/** Clones of each kind of each repository: after so many there is nothing left to learn. */
const ROUND_COUNT = 3;

/** What clients mostly ask for: some history, all history without files, everything. */
const WISHES: readonly (readonly string[])[] = [["deepen 1"], ["filter blob:none"], []];

/** Clones for nobody. */
export class Rehearsal {
  readonly #options: RehearsalOptions;

  /** Makes a rehearsal that has not begun. */
  constructor(options: RehearsalOptions) {
    this.#options = options;
  }

  /**
   * Clones the repositories, the first ones first, until all are done or the time is over. Never
   * fails. Returns the number of whole clones.
   */
  async run(
    names: readonly RepositoryName[],
    options: { readonly budgetMs: number },
  ): Promise<number> {
    const abort = new AbortController();
    const timer = new AbortController();
    const count = { value: 0 };
    const cloning = this.#cloneAll(names, { count, signal: abort.signal });
    const late = this.#options.clock.sleep(options.budgetMs, timer.signal)
      .then(() => abort.abort(), () => undefined);
    await Promise.race([cloning, late]);
    timer.abort();
    return count.value;
  }

  async #cloneAll(
    names: readonly RepositoryName[],
    options: { readonly count: { value: number }; readonly signal: AbortSignal },
  ): Promise<void> {
    const { count, signal } = options;
    for (const name of names) {
      try {
        for (const wish of Array.from({ length: ROUND_COUNT }, () => WISHES).flat()) {
          if (signal.aborted) return;
          if (await this.#clone(name, wish, signal)) count.value++;
        }
      } catch (error) {
        if (signal.aborted) return;
        this.#options.onTrouble(error, { name });
      }
    }
  }

  /** One clone; false when there is nothing to clone. */
  async #clone(
    name: RepositoryName,
    wish: readonly string[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const repository = await this.#options.metadata.findRepository(name);
    if (repository === undefined) return false;
    const tips = await this.#tips(repository, { isShallow: wish.includes("deepen 1") });
    if (tips.length === 0) return false;
    const session = this.#options.newSession(repository, signal);
    let bytes = 0;
    for await (const chunk of session.respond(requestOf(repository, wish, tips))) {
      signal.throwIfAborted();
      bytes += chunk.length;
    }
    return bytes > 0;
  }

  /**
   * What HEAD points at, or what all references do. All or one commit alone: anything in between may
   * cut through what was pushed, and to find out what belongs to it is long work.
   */
  async #tips(
    repository: RepositoryInfo,
    options: { readonly isShallow: boolean },
  ): Promise<Oid[]> {
    const listing = await this.#options.metadata.listReferences(repository, { prefixes: [] });
    const { oid } = listing.head;
    if (options.isShallow) return oid === undefined ? [] : [oid];
    const tips = new Set<Oid>();
    for await (const batch of listing.references) {
      for (const reference of batch) tips.add(reference.oid);
      if (tips.size > REHEARSED_TIP_COUNT_MAX) return [];
    }
    return [...tips];
  }
}

/** A `fetch` command (gitprotocol-v2) as git's client sends it for a clone. */
function requestOf(
  { objectFormat }: RepositoryInfo,
  wish: readonly string[],
  tips: readonly Oid[],
): ReadableStream<Uint8Array> {
  const lines = ["thin-pack", "no-progress", "include-tag", "ofs-delta", ...wish];
  const wants = tips.map((oid) => `want ${oid}`);
  return ReadableStream.from([
    pktLine("command=fetch\n"),
    pktLine(`object-format=${objectFormat}\n`),
    delimPkt(),
    ...[...lines, ...wants, "done"].map((line) => pktLine(`${line}\n`)),
    flushPkt(),
  ]);
}
