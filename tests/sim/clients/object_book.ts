/**
 * The objects that clients of a run made, and what links to what: against it everything is held that
 * the cluster gives back.
 *
 * @module
 */

import { ENTRY, entry, joinBytes, objectId } from "../../harness/raw_pack.ts";

/** Types of objects that clients make. */
export type BookType = "commit" | "tree" | "blob";

/** An object. */
export interface BookObject {
  readonly oid: string;
  readonly type: BookType;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What it links to. */
  readonly links: readonly string[];
}

/** All objects that were made. */
export class ObjectBook {
  readonly #objects = new Map<string, BookObject>();
  #count = 0;

  /** Makes a commit of one new file, unlike every other; answers the commit first. */
  commit(parents: readonly string[], fileBytes: number): readonly BookObject[] {
    const number = this.#count++;
    // A pattern of its own, so that bytes of one file in the place of another's are noticed.
    const text = `file ${number}\n`.repeat(Math.ceil(fileBytes / 8)).slice(
      0,
      Math.max(8, fileBytes),
    );
    const blob = this.#add("blob", `${number}\n${text}`, []);
    const tree = this.#add("tree", joinBytes("100644 file\0", Uint8Array.fromHex(blob.oid)), [
      blob.oid,
    ]);
    const person = `A U Thor <author@example.com> ${1_700_000_000 + number} +0000`;
    const lines = [`tree ${tree.oid}`, ...parents.map((oid) => `parent ${oid}`)];
    const commit = this.#add(
      "commit",
      `${lines.join("\n")}\nauthor ${person}\ncommitter ${person}\n\n${number}\n`,
      [tree.oid, ...parents],
    );
    return [commit, tree, blob];
  }

  /** An object that was made; undefined when nobody made it. */
  get(oid: string): BookObject | undefined {
    return this.#objects.get(oid);
  }

  /** Everything that objects reach, themselves included. */
  closure(oids: Iterable<string>): Set<string> {
    const reached = new Set<string>();
    const waiting = [...oids];
    for (let oid = waiting.pop(); oid !== undefined; oid = waiting.pop()) {
      if (reached.has(oid)) continue;
      reached.add(oid);
      waiting.push(...this.#objects.get(oid)?.links ?? []);
    }
    return reached;
  }

  /** What some objects reach and others do not: what a client has to send. */
  between(wanted: Iterable<string>, had: Iterable<string>): BookObject[] {
    const has = this.closure(had);
    return [...this.closure(wanted)].filter((oid) => !has.has(oid)).map((oid) =>
      this.#objects.get(oid)!
    );
  }

  #add(type: BookType, content: Uint8Array | string, links: readonly string[]): BookObject {
    const bytes = joinBytes(content);
    const object = { oid: objectId(type, bytes), type, bytes, links };
    this.#objects.set(object.oid, object);
    return object;
  }
}

/** An object as an entry of a pack. */
export function packEntry({ type, bytes }: BookObject): Uint8Array {
  return entry(ENTRY[type], bytes);
}
