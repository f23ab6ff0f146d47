/**
 * Which bundles a repository offers (gitprotocol-v2, `bundle-uri`): those that its owner lists, or, if
 * the owner wants it, one of the default branch that this server makes (docs/protocol.md, Downloads).
 *
 * The address of an own bundle names its tip, so that every frontend can serve every bundle and nothing
 * is kept for it. The tip that is offered stays the same for a while, which is what lets caches between
 * server and clients hold it; each frontend remembers its own choice, and forgets it with the process.
 *
 * @module
 */

import { BUNDLE_TIP_COUNT_MAX, BUNDLE_TIP_LIFE_MS, type Clock } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import type { Metadata, OfferedBundle, RepositoryId, RepositoryInfo } from "@gitstratum/core/rpc";

/** What offers are made with. */
export interface BundleOffersOptions {
  readonly metadata: Pick<Metadata, "listReferences" | "negotiate">;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** Name of the own bundle in the list. */
const OWN_BUNDLE_ID = "default";

/** A tip and since when it is offered. */
interface ChosenTip {
  readonly oid: Oid;
  readonly sinceMs: number;
}

/** The address of a bundle, relative to its repository's. */
export function bundlePath(tip: Oid): string {
  return `bundles/${tip}.bundle`;
}

/** The tip in the last part of a bundle's address; undefined when there is none. */
export function tipOfBundleFile(file: string): string | undefined {
  return /^([0-9a-f]{40}|[0-9a-f]{64})\.bundle$/.exec(file)?.[1];
}

/** Chooses what to offer. */
export class BundleOffers {
  readonly #options: BundleOffersOptions;
  /** In order of choice, oldest first. */
  readonly #tips = new Map<RepositoryId, ChosenTip>();

  /** Makes a chooser that has chosen nothing. */
  constructor(options: BundleOffersOptions) {
    this.#options = options;
  }

  /**
   * Whether the settings of a repository let it offer anything. An own bundle is offered over HTTP only:
   * its address is relative to the one that the client used.
   */
  mayOffer({ settings }: RepositoryInfo, isHttp: boolean): boolean {
    return settings.bundleUris.length > 0 || (isHttp && settings.offerBundle);
  }

  /** What a repository offers now. */
  async list(repository: RepositoryInfo, isHttp: boolean): Promise<readonly OfferedBundle[]> {
    const { bundleUris } = repository.settings;
    if (bundleUris.length > 0) return bundleUris;
    const tip = this.mayOffer(repository, isHttp) ? await this.#tip(repository) : undefined;
    return tip === undefined ? [] : [{ id: OWN_BUNDLE_ID, uri: bundlePath(tip) }];
  }

  async #tip(repository: RepositoryInfo): Promise<Oid | undefined> {
    const { metadata, clock } = this.#options;
    const { repositoryId } = repository;
    const nowMs = clock.monotonicMs();
    const chosen = this.#tips.get(repositoryId);
    const { head } = await metadata.listReferences(repository, { prefixes: [repository.head] });
    if (head.oid === undefined) return undefined;
    if (chosen !== undefined && nowMs - chosen.sinceMs < BUNDLE_TIP_LIFE_MS) {
      // A branch that was rewritten has left the old tip behind.
      const question = { wants: [head.oid], haves: [chosen.oid], clientShallow: [] };
      if ((await metadata.negotiate(repository, question)).ready) return chosen.oid;
    }
    this.#tips.delete(repositoryId);
    this.#tips.set(repositoryId, { oid: head.oid, sinceMs: nowMs });
    const [oldest] = this.#tips.keys();
    if (this.#tips.size > BUNDLE_TIP_COUNT_MAX) this.#tips.delete(oldest!);
    return head.oid;
  }
}
