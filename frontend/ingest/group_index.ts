/**
 * Makes the index of a push's pack group from the tables of its ingest.
 *
 * @module
 */

import type { ObjectFormat, Oid } from "@gitstratum/core/git";
import {
  encodePackIndex,
  EXTERNAL_IS_BASE,
  EXTERNAL_IS_LINK,
  EXTERNAL_IS_TIP,
  EXTERNAL_TYPE_SHIFT,
  externalReference,
  NO_BASE,
  type PackIndexContents,
  sortedOidRows,
} from "@gitstratum/core/pack";
import { GroupWriter } from "./group_writer.ts";
import { ID_IS_LINKED, ID_IS_TIP } from "./id_table.ts";
import { NumberList } from "./number_list.ts";
import { ENTRY_IS_DUPLICATE, ENTRY_IS_EXTERNAL } from "./object_table.ts";
import type { PackObjects } from "./pack_objects.ts";

/** What an index is made from. */
export interface GroupIndexOptions {
  readonly format: ObjectFormat;
  readonly objects: PackObjects;
  /** The writer, after it has written everything. */
  readonly writer: GroupWriter;
  /** New values of the push's references. */
  readonly tips: readonly Oid[];
}

/** An encoded index and what it says of the world outside. */
export interface GroupIndex {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Ids of objects outside the group that its objects link to, one after the other. */
  readonly externalLinks: Uint8Array<ArrayBuffer>;
}

/** Makes the index of a group. */
export function encodeGroupIndex(options: GroupIndexOptions): GroupIndex {
  return new GroupIndexBuilder(options).build();
}

class GroupIndexBuilder {
  readonly #options: GroupIndexOptions;
  readonly #objects: PackObjects;
  readonly #writer: GroupWriter;
  /** By ordinal: the entry. */
  readonly #entries: Uint32Array;
  /** By entry: the ordinal. */
  readonly #ordinals: Uint32Array;
  /** By id row: the row of the external, or -1. */
  readonly #externalOf: Int32Array;
  readonly #tipRows: number[];

  constructor(options: GroupIndexOptions) {
    const { objects, writer } = options;
    this.#options = options;
    this.#objects = objects;
    this.#writer = writer;
    this.#entries = new Uint32Array(writer.historyCount + writer.contentCount);
    this.#ordinals = new Uint32Array(writer.offsets.length);
    this.#tipRows = this.#noteTips();
    this.#externalOf = new Int32Array(objects.ids.count).fill(-1);
  }

  build(): GroupIndex {
    this.#number();
    const externals = this.#collectExternals();
    const writer = this.#writer;
    const entries = this.#entries;
    const { table } = this.#objects;
    const { historyCount, contentCount, historyBytes, contentBytes } = writer;
    const bytes = encodePackIndex({
      format: this.#options.format,
      closed: this.#isClosed(),
      historyCount,
      contentCount,
      historyBytes,
      contentBytes,
      oids: this.#oids(),
      offsetOf: (ordinal) => writer.offsets[entries[ordinal]!]!,
      kindOf: (ordinal) => {
        const entry = entries[ordinal]!;
        return table.types[entry]! | writer.storages[entry]! << 3;
      },
      sizeOf: (ordinal) => table.sizes[entries[ordinal]!]!,
      baseOf: (ordinal) => this.#baseOf(entries[ordinal]!),
      commits: this.#commits(),
      tags: this.#tags(),
      externals,
      tips: Uint32Array.from(this.#tipRows, (row) => this.#referenceOf(row)),
    });
    return { bytes, externalLinks: linksOf(externals, this.#objects.ids.width) };
  }

  /** Ids by ordinal. */
  #oids(): Uint8Array {
    const { table, ids } = this.#objects;
    const oids = new Uint8Array(this.#entries.length * ids.width);
    this.#entries.forEach((entry, ordinal) =>
      oids.set(ids.id(table.ids[entry]!), ordinal * ids.width)
    );
    return oids;
  }

  #noteTips(): number[] {
    const { ids } = this.#objects;
    const rows = new Set<number>();
    for (const tip of this.#options.tips) {
      const row = ids.insertBytes(Uint8Array.fromHex(tip));
      ids.addFlags(row, ID_IS_TIP);
      rows.add(row);
    }
    return [...rows];
  }

  #number(): void {
    const { table } = this.#objects;
    let history = 0;
    let content = this.#writer.historyCount;
    for (let entry = 0; entry < this.#ordinals.length; entry++) {
      if (table.is(entry, ENTRY_IS_DUPLICATE)) continue;
      const ordinal = GroupWriter.isContent(table.types[entry]!) ? content++ : history++;
      this.#ordinals[entry] = ordinal;
      this.#entries[ordinal] = entry;
    }
  }

  /** Every object has something that leads to it from inside the group, or is a tip. */
  #isClosed(): boolean {
    const { table, ids } = this.#objects;
    return this.#entries.every((entry) =>
      (ids.flags(table.ids[entry]!) & (ID_IS_LINKED | ID_IS_TIP)) !== 0
    );
  }

  #collectExternals(): PackIndexContents["externals"] {
    const { ids } = this.#objects;
    const isBase = this.#externalBases();
    const rows = new NumberList();
    const flagsOf = new NumberList();
    for (let row = 0; row < ids.count; row++) {
      if (ids.entry(row) >= 0) continue;
      const idFlags = ids.flags(row);
      const flags = (idFlags & ID_IS_LINKED ? EXTERNAL_IS_LINK : 0) |
        (isBase[row]! ? EXTERNAL_IS_BASE : 0) | (idFlags & ID_IS_TIP ? EXTERNAL_IS_TIP : 0);
      if (flags === 0) continue;
      rows.push(row);
      flagsOf.push(flags | ids.expectedType(row) << EXTERNAL_TYPE_SHIFT);
    }
    const oids = new Uint8Array(rows.count * ids.width);
    for (let index = 0; index < rows.count; index++) {
      oids.set(ids.id(rows.at(index)), index * ids.width);
    }
    const order = sortedOidRows(oids, ids.width);
    const sorted = new Uint8Array(oids.length);
    order.forEach((index, external) => {
      this.#externalOf[rows.at(index)] = external;
      sorted.set(ids.id(rows.at(index)), external * ids.width);
    });
    return { oids: sorted, flags: Uint8Array.from(order, (index) => flagsOf.at(index)) };
  }

  /** By id row: 1 where some stored delta has the external object as its base. */
  #externalBases(): Uint8Array {
    const { table, ids } = this.#objects;
    const isBase = new Uint8Array(ids.count);
    for (const entry of this.#entries) {
      if (this.#writer.storages[entry] === 0) continue;
      const base = table.bases[entry]!;
      if (table.is(base, ENTRY_IS_EXTERNAL)) isBase[table.ids[base]!] = 1;
    }
    return isBase;
  }

  #baseOf(entry: number): number {
    if (this.#writer.storages[entry] === 0) return NO_BASE;
    const { table } = this.#objects;
    return this.#referenceOf(table.ids[table.bases[entry]!]!);
  }

  #referenceOf(row: number): number {
    const entry = this.#objects.ids.entry(row);
    return entry >= 0 ? this.#ordinals[entry]! : externalReference(this.#externalOf[row]!);
  }

  /** Numbers of records in order of the ordinals of their entries. */
  #inOrder(entries: NumberList): Uint32Array {
    const ordinalOf = (index: number) => this.#ordinals[entries.at(index)]!;
    const order = Uint32Array.from({ length: entries.count }, (_, index) => index);
    return order.sort((left, right) => ordinalOf(left) - ordinalOf(right));
  }

  #commits(): PackIndexContents["commits"] {
    const { links } = this.#objects;
    const order = this.#inOrder(links.commitEntries);
    const parentStarts = new Uint32Array(order.length);
    const parents = new Uint32Array(links.parents.count);
    let next = 0;
    order.forEach((index, commit) => {
      parentStarts[commit] = next;
      const end = index + 1 < links.parentStarts.count
        ? links.parentStarts.at(index + 1)
        : links.parents.count;
      for (let at = links.parentStarts.at(index); at < end; at++) {
        parents[next++] = this.#referenceOf(links.parents.at(at));
      }
    });
    return {
      ordinals: order.map((index) => this.#ordinals[links.commitEntries.at(index)]!),
      trees: order.map((index) => this.#referenceOf(links.commitTrees.at(index))),
      timesS: Float64Array.from(order, (index) => links.commitTimesS.at(index)),
      parentStarts,
      parents,
    };
  }

  #tags(): PackIndexContents["tags"] {
    const { links } = this.#objects;
    const order = this.#inOrder(links.tagEntries);
    return {
      ordinals: order.map((index) => this.#ordinals[links.tagEntries.at(index)]!),
      targets: order.map((index) => this.#referenceOf(links.tagTargets.at(index))),
    };
  }
}

function linksOf(
  externals: PackIndexContents["externals"],
  width: number,
): Uint8Array<ArrayBuffer> {
  const { oids, flags } = externals;
  const links = new Uint8Array(oids.length);
  let used = 0;
  flags.forEach((flag, row) => {
    if ((flag & EXTERNAL_IS_LINK) === 0) return;
    links.set(oids.subarray(row * width, (row + 1) * width), used);
    used += width;
  });
  return links.subarray(0, used);
}
