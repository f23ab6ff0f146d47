/**
 * What a client names to be archived: a reference, or a path in the tree of one.
 *
 * Ids are refused as git's own server refuses them, unless the caller takes them: then they name what
 * visible references reach, and nothing else.
 *
 * @module
 */

import { isOid, type Oid, parseCommit } from "@gitstratum/core/git";
import { excerpt, protocolError } from "@gitstratum/core/protocol";
import type { LocatedObject, Metadata, Reference, RepositoryInfo } from "@gitstratum/core/rpc";
import { CommitFacts, taggedOid } from "./commit_facts.ts";
import { referenceCandidates } from "./named_objects.ts";
import { objectAtPath } from "./tree_path.ts";
import type { TreeObjects } from "./tree_objects.ts";

/** Tags that point at tags, at most. */
const TAG_DEPTH_MAX = 64;

/** What is to be archived. */
export interface ArchiveRoot {
  readonly tree: Oid;
  /** Absent when it is a tree that was named, not a commit. */
  readonly commit?: {
    readonly oid: Oid;
    readonly timeS: number;
    readonly facts: CommitFacts;
    /** Names of references at the commit, as `export-subst` may write them into files. */
    readonly names: readonly string[];
  };
}

/** What a finder works with. */
export interface ArchiveRootFinderOptions {
  readonly metadata: Pick<Metadata, "listReferences" | "locate">;
  readonly objects: TreeObjects;
  /** Ids are taken, too: of what visible references reach. git's own server refuses them. */
  readonly takesIds?: boolean;
}

/** Finds what a client names. */
export class ArchiveRootFinder {
  readonly #repository: RepositoryInfo;
  readonly #metadata: ArchiveRootFinderOptions["metadata"];
  readonly #objects: TreeObjects;
  readonly #takesIds: boolean;

  /** Makes a finder for a repository. */
  constructor(repository: RepositoryInfo, options: ArchiveRootFinderOptions) {
    this.#repository = repository;
    this.#metadata = options.metadata;
    this.#objects = options.objects;
    this.#takesIds = options.takesIds === true;
  }

  /** @throws `invalid` with git's words when there is nothing of that name */
  async find(treeish: string): Promise<ArchiveRoot> {
    const colon = treeish.indexOf(":");
    const name = colon < 0 ? treeish : treeish.slice(0, colon);
    const listing = await this.#listing(name);
    const oid = listing.named ?? await this.#identified(name);
    if (oid === undefined) throw protocolError(`no such ref: ${excerpt(name)}`);
    const root = await this.#peel(oid, listing);
    if (colon < 0) return root;
    return { tree: await this.#descend(root.tree, treeish.slice(colon + 1), treeish) };
  }

  /** The object with this id, if ids are taken and clients may see it. */
  async #identified(name: string): Promise<Oid | undefined> {
    if (!this.#takesIds || !isOid(name, this.#objects.format)) return undefined;
    const request = { oids: [name], scope: "visible" as const };
    return (await this.#metadata.locate(this.#repository, request))[0]?.oid;
  }

  /** The object of the first reference that the name can mean, and all references. */
  async #listing(name: string): Promise<Listing> {
    const { head, references } = await this.#metadata.listReferences(this.#repository, {
      prefixes: [],
    });
    const wanted = referenceCandidates(name);
    let best = wanted.length;
    let named: Oid | undefined;
    const all: Reference[] = [];
    for await (const batch of references) {
      for (const reference of batch) {
        all.push(reference);
        const rank = wanted.indexOf(reference.name);
        if (rank < 0 || rank >= best) continue;
        best = rank;
        named = reference.oid;
      }
    }
    if (name === "HEAD" || name === "@") named = head.oid;
    return { named, head: head.target, all };
  }

  async #peel(from: Oid, listing: Listing): Promise<ArchiveRoot> {
    let oid = from;
    for (let depth = 0; depth <= TAG_DEPTH_MAX; depth++) {
      const located = await this.#located(oid);
      if (located.type === "tree") return { tree: oid };
      if (located.type === "blob") break;
      const bytes = await this.#objects.whole(located);
      if (located.type === "commit") return this.#commit(oid, bytes, listing);
      const next = taggedOid(bytes, this.#objects.format);
      if (next === undefined) break;
      oid = next;
    }
    throw protocolError(`not a tree object: ${from}`);
  }

  #commit(oid: Oid, bytes: Uint8Array, listing: Listing): ArchiveRoot {
    const { format } = this.#objects;
    const { tree, committerTimeS } = parseCommit(bytes, format);
    const names = decorations(oid, listing);
    const facts = new CommitFacts(oid, bytes, { format, names });
    return { tree, commit: { oid, timeS: committerTimeS, facts, names } };
  }

  /** The tree at a path below another. */
  async #descend(tree: Oid, path: string, treeish: string): Promise<Oid> {
    const oid = await objectAtPath(this.#objects, tree, path);
    if (oid === undefined) throw protocolError(`not a valid object name: ${excerpt(treeish)}`);
    const { type } = await this.#located(oid);
    if (type !== "tree") throw protocolError(`not a tree object: ${oid}`);
    return oid;
  }

  async #located(oid: Oid): Promise<LocatedObject> {
    return (await this.#objects.locate([oid])).get(oid)!;
  }
}

/** References of one moment. */
interface Listing {
  readonly named: Oid | undefined;
  /** What HEAD points at. */
  readonly head: string;
  readonly all: readonly Reference[];
}

/** Names at a commit as git decorates it: HEAD with its branch, tags, branches, others. */
function decorations(oid: Oid, listing: Listing): string[] {
  const at = listing.all.filter((each) => (each.peeled ?? each.oid) === oid).map(({ name }) =>
    name
  );
  const isHead = at.includes(listing.head);
  const short = (name: string) => name.replace(/^refs\/(?:heads|remotes)\//, "");
  const head = isHead ? [`HEAD -> ${short(listing.head)}`] : [];
  const tags = at.filter((name) => name.startsWith("refs/tags/"))
    .map((name) => `tag: ${name.slice("refs/tags/".length)}`);
  const others = at.filter((name) => !name.startsWith("refs/tags/") && name !== listing.head);
  return [...head, ...tags, ...others.map(short)];
}
