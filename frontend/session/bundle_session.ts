/**
 * Serves a bundle: one commit with everything that it reaches, as a file that git reads
 * (gitformat-bundle). The same pack as that of a clone of this commit alone, so that the pack cache
 * holds one for both.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import { isOid, type ObjectFormat, type Oid } from "@gitstratum/core/git";
import type { SideBandMode } from "@gitstratum/core/protocol";
import type { RepositoryInfo } from "@gitstratum/core/rpc";
import { bareBlocks } from "../pack_cache/pack_blocks.ts";
import { PackSource, type PackSourceOptions } from "./pack_source.ts";

/** How packs in the cache are framed. */
const MODE: SideBandMode = "side-band-64k";

/** What stands before the pack. */
export function bundleHeader(
  format: ObjectFormat,
  reference: { readonly name: string; readonly oid: Oid },
): Uint8Array<ArrayBuffer> {
  const signature = format === "sha1"
    ? "# v2 git bundle"
    : "# v3 git bundle\n@object-format=sha256";
  return new TextEncoder().encode(`${signature}\n${reference.oid} ${reference.name}\n\n`);
}

function notFound(tip: string): GitStratumError {
  return new GitStratumError("not-found", "Find no such bundle", { data: { tip } });
}

/** Makes bundles of one repository. */
export class BundleSession {
  readonly #options: PackSourceOptions;
  readonly #repository: RepositoryInfo;
  readonly #signal: AbortSignal;

  /** Makes a session; the signal aborts when the client is gone. */
  constructor(options: PackSourceOptions, repository: RepositoryInfo, signal: AbortSignal) {
    this.#options = options;
    this.#repository = repository;
    this.#signal = signal;
  }

  /**
   * The bundle of a commit, as the branch that HEAD points at. A failure in its middle is thrown: a part
   * must not look like the whole.
   *
   * @throws `not-found` before the first bytes, when clients can not see such a commit or the owner
   * offers no bundle
   */
  async *send(tip: string): AsyncGenerator<Uint8Array> {
    const { objectFormat, head, settings } = this.#repository;
    if (!settings.offerBundle || !isOid(tip, objectFormat)) throw notFound(tip);
    const request = { oids: [tip], scope: "visible" as const };
    const [located] = await this.#options.metadata.locate(this.#repository, request);
    if (located?.type !== "commit") throw notFound(tip);
    const pack = await this.#open(tip);
    try {
      yield bundleHeader(objectFormat, { name: head, oid: tip });
      yield* bareBlocks(pack.chunks, MODE);
    } finally {
      pack.close();
    }
  }

  #open(tip: Oid) {
    const request = {
      wants: [tip],
      wantRefs: [],
      haves: [],
      done: true,
      clientShallow: [],
      // Objects of a bundle come with all their bases.
      thinPack: false,
      ofsDelta: true,
      includeTag: false,
      noProgress: true,
      waitForDone: false,
      sidebandAll: false,
    };
    return new PackSource(this.#options).open(this.#repository, request, {
      boundary: { shallow: [], unshallow: [] },
      mode: MODE,
      areWantsChecked: true,
      signal: this.#signal,
    });
  }
}
