/**
 * What a client means by a name: a reference or an id, and perhaps a path in its tree (`main:a/b`).
 * Of the rest of gitrevisions (`~`, `^`, `@{…}`, abbreviated ids) nothing is understood.
 *
 * Only what clients can see is found: references that are not hidden, and what they reach.
 *
 * @module
 */

import { isOid, type Oid, parseCommit } from "@gitstratum/core/git";
import type { LocatedObject, Metadata, RepositoryInfo } from "@gitstratum/core/rpc";
import { taggedOid } from "./commit_facts.ts";
import { objectAtPath } from "./tree_path.ts";
import type { TreeObjects } from "./tree_objects.ts";

/** Tags that point at tags, at most. */
const TAG_DEPTH_MAX = 64;

/** Where git looks for a short name, in this order (gitrevisions). */
export function referenceCandidates(name: string): readonly string[] {
  const places = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];
  return [...places.map((place) => `${place}${name}`), `refs/remotes/${name}/HEAD`];
}

/** Finds objects of one repository by name. */
export class NamedObjects {
  readonly #repository: RepositoryInfo;
  readonly #metadata: Pick<Metadata, "listReferences" | "locate">;
  readonly #objects: TreeObjects;

  /** Makes a finder. */
  constructor(
    repository: RepositoryInfo,
    metadata: Pick<Metadata, "listReferences" | "locate">,
    objects: TreeObjects,
  ) {
    this.#repository = repository;
    this.#metadata = metadata;
    this.#objects = objects;
  }

  /** The object that the name means; undefined when it means none that clients can see. */
  async find(name: string): Promise<Oid | undefined> {
    const colon = name.indexOf(":");
    const root = await this.#rooted(colon < 0 ? name : name.slice(0, colon));
    if (colon < 0 || root === undefined) return root?.oid;
    const tree = await this.#treeOf(root);
    if (tree === undefined) return undefined;
    return await objectAtPath(this.#objects, tree, name.slice(colon + 1));
  }

  async #rooted(name: string): Promise<LocatedObject | undefined> {
    const oid = isOid(name, this.#repository.objectFormat) ? name : await this.#referenced(name);
    return oid === undefined ? undefined : await this.#located(oid);
  }

  async #located(oid: Oid): Promise<LocatedObject | undefined> {
    const request = { oids: [oid], scope: "visible" as const };
    return (await this.#metadata.locate(this.#repository, request))[0];
  }

  async #referenced(name: string): Promise<Oid | undefined> {
    if (name === "") return undefined;
    const wanted = referenceCandidates(name);
    const listing = await this.#metadata.listReferences(this.#repository, { prefixes: wanted });
    let best = wanted.length;
    let named: Oid | undefined;
    for await (const batch of listing.references) {
      for (const reference of batch) {
        const rank = wanted.indexOf(reference.name);
        if (rank < 0 || rank >= best) continue;
        best = rank;
        named = reference.oid;
      }
    }
    return name === "HEAD" || name === "@" ? listing.head.oid : named;
  }

  /** The tree behind tags and a commit. */
  async #treeOf(from: LocatedObject): Promise<Oid | undefined> {
    let located: LocatedObject | undefined = from;
    for (let depth = 0; located !== undefined && depth <= TAG_DEPTH_MAX; depth++) {
      if (located.type === "tree") return located.oid;
      if (located.type === "blob") return undefined;
      const bytes = await this.#objects.whole(located);
      if (located.type === "commit") return parseCommit(bytes, this.#objects.format).tree;
      const next = taggedOid(bytes, this.#objects.format);
      located = next === undefined ? undefined : await this.#located(next);
    }
    return undefined;
  }
}
