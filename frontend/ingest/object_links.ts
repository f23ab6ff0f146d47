/**
 * What the objects of a push link to, gathered in the id table, and what the index has to know of
 * commits and tags.
 *
 * @module
 */

import {
  OBJECT_TYPE_CODES,
  type ObjectFormat,
  type Oid,
  parseCommit,
  parseTag,
} from "@gitstratum/core/git";
import { type IdTable, linkFlag } from "./id_table.ts";
import type { IngestMemory, Region } from "./ingest_memory.ts";
import { FloatList, NumberList } from "./number_list.ts";

const { commit: COMMIT, tree: TREE, tag: TAG } = OBJECT_TYPE_CODES;

/** Links as plain columns, named as in {@link ObjectLinks}. */
export interface LinkColumns {
  readonly commitEntries: Uint32Array<ArrayBuffer>;
  readonly commitTrees: Uint32Array<ArrayBuffer>;
  readonly commitTimesS: Float64Array<ArrayBuffer>;
  readonly parentStarts: Uint32Array<ArrayBuffer>;
  readonly parents: Uint32Array<ArrayBuffer>;
  readonly tagEntries: Uint32Array<ArrayBuffer>;
  readonly tagTargets: Uint32Array<ArrayBuffer>;
}

/** Links of the objects that were seen so far. */
export class ObjectLinks {
  /** Entries of commits, in the order in which they were seen. */
  readonly commitEntries: NumberList = new NumberList();
  /** Id rows of their trees. */
  readonly commitTrees: NumberList = new NumberList();
  /** Their committer times in seconds. */
  readonly commitTimesS: FloatList = new FloatList();
  /** For each commit the first of its rows in {@link parents}. */
  readonly parentStarts: NumberList = new NumberList();
  /** Id rows of the parents of all commits. */
  readonly parents: NumberList = new NumberList();
  /** Entries of tags, in the order in which they were seen. */
  readonly tagEntries: NumberList = new NumberList();
  /** Id rows of their targets. */
  readonly tagTargets: NumberList = new NumberList();

  readonly #ids: IdTable;
  readonly #format: ObjectFormat;
  readonly #memory: IngestMemory;

  /** Makes links over an id table. */
  constructor(ids: IdTable, options: { format: ObjectFormat; memory: IngestMemory }) {
    this.#ids = ids;
    this.#format = options.format;
    this.#memory = options.memory;
  }

  /**
   * Notes what an object links to.
   *
   * @throws `invalid` when it can not be read
   */
  add(entry: number, type: number, region: Region): void {
    switch (type) {
      case COMMIT:
        return this.#addCommit(entry, this.#memory.view(region.pointer, region.bytes));
      case TREE:
        return this.#ids.linkTree(region.pointer, region.bytes);
      case TAG:
        return this.#addTag(entry, this.#memory.view(region.pointer, region.bytes));
    }
  }

  /** A copy of all links. */
  columns(): LinkColumns {
    return {
      commitEntries: this.commitEntries.items.slice(),
      commitTrees: this.commitTrees.items.slice(),
      commitTimesS: this.commitTimesS.items.slice(),
      parentStarts: this.parentStarts.items.slice(),
      parents: this.parents.items.slice(),
      tagEntries: this.tagEntries.items.slice(),
      tagTargets: this.tagTargets.items.slice(),
    };
  }

  /**
   * Appends the links of those entries that `isTaken` takes; `entryOf` and `rows` tell what the links'
   * entries and id rows are here.
   */
  append(
    links: LinkColumns,
    options: {
      readonly rows: Int32Array;
      readonly entryOf: (entry: number) => number;
      readonly isTaken: (entry: number) => boolean;
    },
  ): void {
    const { rows, entryOf, isTaken } = options;
    links.commitEntries.forEach((theirs, index) => {
      const entry = entryOf(theirs);
      if (!isTaken(entry)) return;
      this.commitEntries.push(entry);
      this.commitTrees.push(rows[links.commitTrees[index]!]!);
      this.commitTimesS.push(links.commitTimesS[index]!);
      this.parentStarts.push(this.parents.count);
      const end = links.parentStarts[index + 1] ?? links.parents.length;
      for (let at = links.parentStarts[index]!; at < end; at++) {
        this.parents.push(rows[links.parents[at]!]!);
      }
    });
    links.tagEntries.forEach((theirs, index) => {
      const entry = entryOf(theirs);
      if (!isTaken(entry)) return;
      this.tagEntries.push(entry);
      this.tagTargets.push(rows[links.tagTargets[index]!]!);
    });
  }

  #addCommit(entry: number, bytes: Uint8Array): void {
    const commit = parseCommit(bytes, this.#format);
    this.commitEntries.push(entry);
    this.commitTrees.push(this.#linkOid(commit.tree, TREE));
    this.commitTimesS.push(commit.committerTimeS);
    this.parentStarts.push(this.parents.count);
    for (const parent of commit.parents) this.parents.push(this.#linkOid(parent, COMMIT));
  }

  #addTag(entry: number, bytes: Uint8Array): void {
    const tag = parseTag(bytes, this.#format);
    this.tagEntries.push(entry);
    this.tagTargets.push(this.#linkOid(tag.target, OBJECT_TYPE_CODES[tag.type]));
  }

  #linkOid(oid: Oid, type: number): number {
    const row = this.#ids.insertBytes(Uint8Array.fromHex(oid));
    this.#ids.addFlags(row, linkFlag(type));
    return row;
  }
}
