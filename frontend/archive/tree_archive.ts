/**
 * Walks a tree for an archive, in the order of git: a directory comes right before the first file in
 * it, and one without files does not come at all.
 *
 * Invariants: one directory of each level is in memory, and one small file; large files stream.
 *
 * @module
 */

import { assert, GitStratumError, MIB } from "@gitstratum/core";
import {
  isSubmoduleMode,
  isSymlinkMode,
  isTreeMode,
  linkedTypeOf,
  type Oid,
  oidFromBytes,
  TreeCursor,
} from "@gitstratum/core/git";
import type { LocatedObject } from "@gitstratum/core/rpc";
import type { ArchiveEntry, FileContent } from "./archive_entry.ts";
import { ATTRIBUTES_READ_BYTES_MAX, DirectoryAttributes } from "./attributes.ts";
import { type ByteText, byteText, joinBytes, NO_BYTES } from "./byte_text.ts";
import type { CommitFacts } from "./commit_facts.ts";
import type { PathSelection } from "./path_selection.ts";
import type { TreeObjects } from "./tree_objects.ts";

/** Files above this stream; others are read at once. */
const WHOLE_BYTES_MAX = 1 * MIB;
/** Directories below directories: no system of files takes paths that deep. */
const DEPTH_MAX = 2048;
/** Mode of the directory that a prefix makes. */
const PREFIX_MODE = 0o40777;
const ATTRIBUTES_NAME = ".gitattributes";

/** What is archived. */
export interface TreeArchiveOptions {
  readonly objects: TreeObjects;
  readonly selection: PathSelection;
  /** In front of every path. */
  readonly prefix: ByteText;
  /** What `export-subst` fills in; absent when no commit is archived. */
  readonly facts?: CommitFacts;
}

/** An entry of a tree. */
interface Child {
  readonly name: ByteText;
  readonly mode: number;
  readonly oid: Oid;
}

/** A directory that is being walked. */
interface Directory {
  /** Empty for the root, or with a slash at its end. */
  readonly path: ByteText;
  readonly attributes: DirectoryAttributes;
  readonly depth: number;
  /** Entries for this directory and those above it that have not been written yet. */
  readonly pending: ArchiveEntry[];
}

function* childrenOf(bytes: Uint8Array, objects: TreeObjects): Generator<Child> {
  const cursor = new TreeCursor(bytes, objects.format);
  while (cursor.next()) {
    yield {
      name: byteText(bytes.subarray(cursor.nameStart, cursor.nameEnd)),
      mode: cursor.mode,
      oid: oidFromBytes(bytes, objects.format, cursor.oidOffset),
    };
  }
}

/** One archive's walk. */
export class TreeArchive {
  readonly #options: TreeArchiveOptions;

  /** Makes a walk. */
  constructor(options: TreeArchiveOptions) {
    this.#options = options;
  }

  /** The entries of the archive of a tree. */
  async *entries(tree: Oid): AsyncGenerator<ArchiveEntry> {
    const { prefix } = this.#options;
    if (prefix.endsWith("/")) {
      const path = prefix.replace(/(?<=.)\/+$/, "/") as ByteText;
      yield { path, mode: PREFIX_MODE, oid: tree };
    }
    yield* this.#walk(tree, {
      path: NO_BYTES,
      attributes: DirectoryAttributes.none,
      depth: 0,
      pending: [],
    });
  }

  /** A pathspec that selects no file of the tree, if there is one. */
  async unmatchedPath(tree: Oid): Promise<string | undefined> {
    const { selection } = this.#options;
    if (selection.isEverything) return undefined;
    await this.#match(tree, NO_BYTES, 0);
    return selection.unmatched;
  }

  /** Shows the selection all files that it may select, until it has seen enough. */
  async #match(tree: Oid, directory: ByteText, depth: number): Promise<void> {
    const { selection } = this.#options;
    const children = await this.#children(tree, depth);
    const located = await this.#located(children.filter(({ mode }) => isTreeMode(mode)));
    for (const { name, mode, oid } of children) {
      if (selection.unmatched === undefined) return;
      const path = joinBytes(directory, name);
      if (!isTreeMode(mode)) selection.has(path);
      else if (selection.reaches(path)) {
        assert(located.has(oid), "A located tree");
        await this.#match(oid, joinBytes(path, "/"), depth + 1);
      }
    }
  }

  async #children(tree: Oid, depth: number): Promise<Child[]> {
    if (depth > DEPTH_MAX) {
      throw new GitStratumError("exhausted", "Refuse a tree that is too deep", {
        data: { depthMax: DEPTH_MAX },
      });
    }
    const { objects } = this.#options;
    const located = (await objects.locate([tree])).get(tree)!;
    return [...childrenOf(await objects.whole(located), objects)];
  }

  /** Where the children's objects are. */
  #located(children: readonly Child[]): Promise<ReadonlyMap<Oid, LocatedObject>> {
    const linked = children.filter(({ mode }) => linkedTypeOf(mode) !== undefined);
    return this.#options.objects.locate(linked.map(({ oid }) => oid));
  }

  async *#walk(tree: Oid, outer: Directory): AsyncGenerator<ArchiveEntry> {
    const all = await this.#children(tree, outer.depth);
    const attributes = await this.#attributes(all, outer);
    const directory = { ...outer, attributes };
    const children = all.filter((child) => this.#isWanted(child, directory));
    const files = await this.#located(children.filter(({ mode }) => !isTreeMode(mode)));
    for (const child of children) {
      const path = joinBytes(directory.path, child.name);
      if (isTreeMode(child.mode)) {
        const entry = this.#entry(joinBytes(path, "/"), child);
        const pending = directory.pending;
        pending.push(entry);
        const depth = directory.depth + 1;
        yield* this.#walk(child.oid, { path: joinBytes(path, "/"), attributes, depth, pending });
        // Nothing in it was written, so neither is it.
        if (pending.at(-1) === entry) pending.pop();
      } else {
        yield* directory.pending.splice(0);
        yield await this.#file(child, path, { located: files.get(child.oid), attributes });
      }
    }
  }

  /** The attributes of a directory, with those of its own file. */
  async #attributes(
    children: readonly Child[],
    directory: Directory,
  ): Promise<DirectoryAttributes> {
    const file = children.find(({ name, mode }) =>
      name === ATTRIBUTES_NAME && linkedTypeOf(mode) === "blob" && !isSymlinkMode(mode)
    );
    if (file === undefined) return directory.attributes;
    const located = (await this.#located([file])).get(file.oid)!;
    if (located.size > ATTRIBUTES_READ_BYTES_MAX) return directory.attributes;
    const bytes = await this.#options.objects.whole(located);
    return directory.attributes.within(directory.path, bytes);
  }

  #isWanted(child: Child, directory: Directory): boolean {
    const { selection } = this.#options;
    const path = joinBytes(directory.path, child.name);
    const isDirectory = isTreeMode(child.mode) || isSubmoduleMode(child.mode);
    if (directory.attributes.isSet("export-ignore", path, isDirectory)) return false;
    return isTreeMode(child.mode) ? selection.reaches(path) : selection.has(path);
  }

  #entry(path: ByteText, child: Child, content?: FileContent): ArchiveEntry {
    const { mode, oid } = child;
    const entry = { path: joinBytes(this.#options.prefix, path), mode, oid };
    return content === undefined ? entry : { ...entry, content };
  }

  async #file(
    child: Child,
    path: ByteText,
    found: {
      readonly located: LocatedObject | undefined;
      readonly attributes: DirectoryAttributes;
    },
  ): Promise<ArchiveEntry> {
    const { objects, facts } = this.#options;
    const { located } = found;
    if (located === undefined) return this.#entry(joinBytes(path, "/"), child);
    const fills = facts !== undefined && !isSymlinkMode(child.mode) &&
      found.attributes.isSet("export-subst", path, false);
    if (located.size > WHOLE_BYTES_MAX && !fills && !isSymlinkMode(child.mode)) {
      const runs = objects.content(located);
      return this.#entry(path, child, { kind: "stream", size: located.size, runs });
    }
    const bytes = await objects.whole(located);
    return this.#entry(path, child, { kind: "whole", bytes: fills ? facts.fillIn(bytes) : bytes });
  }
}
