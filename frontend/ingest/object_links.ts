/**
 * What the objects of a push link to, gathered in the id table, and what the index has to know of
 * commits and tags.
 *
 * @module
 */

import {
  linkedTypeOf,
  OBJECT_TYPE_CODES,
  type ObjectFormat,
  type Oid,
  parseCommit,
  parseTag,
  TreeCursor,
} from "@gitstratum/core/git";
import { badPack } from "./bad_pack.ts";
import { ID_IS_LINKED, type IdTable } from "./id_table.ts";
import { FloatList, NumberList } from "./number_list.ts";

const { commit: COMMIT, tree: TREE, blob: BLOB, tag: TAG } = OBJECT_TYPE_CODES;

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
  readonly #oid: Uint8Array;

  /** Makes links over an id table. */
  constructor(ids: IdTable, format: ObjectFormat) {
    this.#ids = ids;
    this.#format = format;
    this.#oid = new Uint8Array(ids.width);
  }

  /**
   * Notes what an object links to.
   *
   * @throws `invalid` when it can not be read, or links to an object of another type than it says
   */
  add(entry: number, type: number, bytes: Uint8Array): void {
    switch (type) {
      case COMMIT:
        return this.#addCommit(entry, bytes);
      case TREE:
        return this.#addTree(bytes);
      case TAG:
        return this.#addTag(entry, bytes);
    }
  }

  #addCommit(entry: number, bytes: Uint8Array): void {
    const commit = parseCommit(bytes, this.#format);
    this.commitEntries.push(entry);
    this.commitTrees.push(this.#linkOid(commit.tree, TREE));
    this.commitTimesS.push(commit.committerTimeS);
    this.parentStarts.push(this.parents.count);
    for (const parent of commit.parents) this.parents.push(this.#linkOid(parent, COMMIT));
  }

  #addTree(bytes: Uint8Array): void {
    const cursor = new TreeCursor(bytes, this.#format);
    while (cursor.next()) {
      const type = linkedTypeOf(cursor.mode);
      if (type !== undefined) this.#link(bytes, cursor.oidOffset, type === "tree" ? TREE : BLOB);
    }
  }

  #addTag(entry: number, bytes: Uint8Array): void {
    const tag = parseTag(bytes, this.#format);
    this.tagEntries.push(entry);
    this.tagTargets.push(this.#linkOid(tag.target, OBJECT_TYPE_CODES[tag.type]));
  }

  #linkOid(oid: Oid, type: number): number {
    this.#oid.setFromHex(oid);
    return this.#link(this.#oid, 0, type);
  }

  #link(source: Uint8Array, at: number, type: number): number {
    const row = this.#ids.insert(source, at);
    this.#ids.flags[row]! |= ID_IS_LINKED;
    expectType(this.#ids, row, type);
    return row;
  }
}

/**
 * Notes the type that an object has or should have.
 *
 * @throws `invalid` when somebody said otherwise
 */
export function expectType(ids: IdTable, row: number, type: number): void {
  const known = ids.types[row]!;
  if (known === 0) ids.types[row] = type;
  else if (known !== type) {
    throw badPack("Reject a link to an object of another type", { object: ids.hex(row) });
  }
}
