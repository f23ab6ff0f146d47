/**
 * Clones for nobody, before the first client comes: what they pass through is compiled afterwards, and
 * the metadata has the indexes of what is likely to be asked for.
 *
 * A rehearsal sends the requests that git's client sends. It stops when its time is over, at the next
 * piece of an answer at the latest. What it has asked the metadata to load goes on loading.
 *
 * Fault model: nothing that fails here matters to anybody; it is told and the next repository has its
 * turn.
 *
 * @module
 */

import { type Clock, concatBytes, REHEARSED_TIP_COUNT_MAX } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { delimPkt, flushPkt, pktLine } from "@gitstratum/core/protocol";
import type { Metadata, RepositoryInfo, RepositoryName } from "@gitstratum/core/rpc";
import type { PracticeRequest } from "./practice_stage.ts";

/** What a rehearsal works with. */
export interface RehearsalOptions {
  readonly metadata: Pick<Metadata, "findRepository" | "listReferences">;
  readonly clock: Clock;
  /** Has a request answered; resolves with the length of the answer once all of it was taken. */
  send(request: PracticeRequest, signal: AbortSignal): Promise<number>;
  /** Told of what failed. */
  onTrouble(error: unknown, facts: { readonly name: RepositoryName }): void;
}

/**
 * Capabilities of each round. They change nothing of a clone's bytes, but packs are kept for requests
 * that are equal: the first rounds make packs, the last ones find kept packs.
 */
const ROUNDS: readonly (readonly string[])[] = [
  ["thin-pack", "include-tag"],
  ["include-tag"],
  ["thin-pack"],
  [],
  ["thin-pack", "include-tag"],
  ["include-tag"],
];

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
        for (const capabilities of ROUNDS) {
          for (const wish of WISHES) {
            if (signal.aborted) return;
            if (await this.#clone(name, [...capabilities, ...wish], signal)) count.value++;
          }
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
    for (const request of requestsOf(repository, wish, tips)) {
      await this.#options.send(request, signal);
      signal.throwIfAborted();
    }
    return true;
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

const SERVICE = "git-upload-pack";
const HEADERS = { "git-protocol": "version=2" } as const;

/** The requests of a clone, one after the other. */
function requestsOf(
  repository: RepositoryInfo,
  wish: readonly string[],
  tips: readonly Oid[],
): PracticeRequest[] {
  const { name } = repository;
  const headers = {
    ...HEADERS,
    "content-type": `application/x-${SERVICE}-request`,
    accept: `application/x-${SERVICE}-result`,
  };
  const path = `/${name}.git/${SERVICE}`;
  return [
    { method: "GET", path: `/${name}.git/info/refs?service=${SERVICE}`, headers: HEADERS },
    { method: "POST", path, headers, body: listing(repository) },
    { method: "POST", path, headers, body: fetching(repository, wish, tips) },
  ];
}

/** An `ls-refs` command (gitprotocol-v2) as git's client sends it for a clone. */
function listing({ objectFormat }: RepositoryInfo): Uint8Array<ArrayBuffer> {
  const lines = ["peel", "symrefs", "ref-prefix HEAD", "ref-prefix refs/heads/"];
  return command("ls-refs", objectFormat, lines);
}

/** A `fetch` command as git's client sends it for a clone. */
function fetching(
  { objectFormat }: RepositoryInfo,
  wish: readonly string[],
  tips: readonly Oid[],
): Uint8Array<ArrayBuffer> {
  const wants = tips.map((oid) => `want ${oid}`);
  return command("fetch", objectFormat, ["no-progress", "ofs-delta", ...wish, ...wants, "done"]);
}

function command(
  name: string,
  objectFormat: string,
  lines: readonly string[],
): Uint8Array<ArrayBuffer> {
  return concatBytes([
    pktLine(`command=${name}\n`),
    pktLine(`object-format=${objectFormat}\n`),
    delimPkt(),
    ...lines.map((line) => pktLine(`${line}\n`)),
    flushPkt(),
  ]);
}
