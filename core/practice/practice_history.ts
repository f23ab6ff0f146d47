/**
 * A history that nobody wrote, commit by commit, as clients push it: each adds a commit, the tree of
 * all files, and the one file that it changes.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { OBJECT_TYPE_CODES, type ObjectType } from "../git/object_type.ts";
import { type Oid, oidToBytes, zeroOid } from "../git/oid.ts";
import { encodeWholeEntry } from "../pack/whole_entry.ts";
import { concatBytes } from "../concat_bytes.ts";

/** An object of the history. */
export interface PracticeObject {
  /** Its id. */
  readonly oid: Oid;
  /** Its type. */
  readonly type: ObjectType;
  /** Its bytes, without a header. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** It as an entry of a pack. */
  readonly entry: Uint8Array<ArrayBuffer>;
  /** Of a tree: what it names. */
  readonly links?: readonly Oid[];
}

/** A commit with what it adds. */
export interface PracticeCommit {
  /** The commit before; of the first one, the id of no object. */
  readonly from: Oid;
  /** The commit. */
  readonly oid: Oid;
  /** Its tree. */
  readonly tree: Oid;
  /** When it was made, in seconds. */
  readonly timeS: number;
  /** Whether there is no commit before. */
  readonly isFirst: boolean;
  /** The commit, its tree, and its files that were not there before. */
  readonly objects: readonly PracticeObject[];
}

/** As many as a usual root directory has. */
const FILE_COUNT = 40;
const START_S = 1_700_000_000;
const encoder = new TextEncoder();

/** Commits, one on the other. */
export class PracticeHistory {
  readonly #file = object("blob", encoder.encode("A file that stays as it is\n"));
  #last: Oid | undefined;
  #count = 0;

  /** The next commit. */
  next(): PracticeCommit {
    const number = this.#count++;
    const changed = object("blob", encoder.encode(`Change ${number}\n`));
    const tree = this.#tree(changed);
    const timeS = START_S + number;
    const commit = this.#commit(tree, timeS);
    const isFirst = this.#last === undefined;
    const from = this.#last ?? zeroOid("sha1");
    this.#last = commit.oid;
    const objects = [commit, tree, changed, ...(isFirst ? [this.#file] : [])];
    return { from, oid: commit.oid, tree: tree.oid, timeS, isFirst, objects };
  }

  #tree(changed: PracticeObject): PracticeObject {
    const files = Array.from({ length: FILE_COUNT }, (_, at) => at === 0 ? changed : this.#file);
    const rows = files.flatMap(({ oid }, at) => [
      encoder.encode(`100644 file-${`${at}`.padStart(2, "0")}\0`),
      oidToBytes(oid),
    ]);
    const links = [changed.oid, this.#file.oid];
    return { ...object("tree", concatBytes(rows)), links };
  }

  #commit({ oid }: PracticeObject, timeS: number): PracticeObject {
    const person = `Nobody <nobody@example.com> ${timeS} +0000`;
    const lines = [
      `tree ${oid}`,
      ...(this.#last === undefined ? [] : [`parent ${this.#last}`]),
      `author ${person}`,
      `committer ${person}`,
      "",
      "Practise",
      "",
    ];
    return object("commit", encoder.encode(lines.join("\n")));
  }
}

function object(type: ObjectType, bytes: Uint8Array<ArrayBuffer>): PracticeObject {
  const hash = createHash("sha1").update(`${type} ${bytes.length}\0`).update(bytes);
  const entry = encodeWholeEntry(OBJECT_TYPE_CODES[type], bytes);
  return { oid: hash.digest("hex") as Oid, type, bytes, entry };
}
