/**
 * Writes a pack index from objects handed over one by one, by id.
 *
 * Purpose: small groups, tools and tests. The ingest of a large push fills tables and calls the
 * encoder, because a record for each object would cost too much there.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { OBJECT_TYPE_CODES, type ObjectType } from "../git/object_type.ts";
import { type ObjectFormat, type Oid, oidBytes } from "../git/oid.ts";
import { encodePackIndex, type PackIndexContents } from "./pack_index_encoder.ts";
import {
  EXTERNAL_IS_BASE,
  EXTERNAL_IS_LINK,
  EXTERNAL_IS_TIP,
  externalReference,
  NO_BASE,
} from "./pack_index_layout.ts";

/** An object as the writer takes it. */
export interface PackIndexObject {
  /** Its id. */
  readonly oid: Oid;
  /** Its type. */
  readonly type: ObjectType;
  /** Offset of the entry in its pack, in bytes. */
  readonly offset: number;
  /** Inflated size in bytes. */
  readonly size: number;
  /** Absent for an object that is stored whole. */
  readonly delta?: { readonly storage: "offset" | "reference"; readonly base: Oid };
  /** Required for commits. */
  readonly commit?: {
    readonly tree: Oid;
    readonly parents: readonly Oid[];
    readonly timeS: number;
  };
  /** Required for tags. */
  readonly tag?: { readonly target: Oid };
  /** What a tree's entries name, submodules left out. Only those outside the group matter. */
  readonly links?: Iterable<Oid>;
}

/** What holds for the group as a whole. */
export interface PackIndexSummary {
  /** Bytes of the history pack. */
  readonly historyBytes: number;
  /** Bytes of the content pack. */
  readonly contentBytes: number;
  /** Every object is reachable from the tips through objects of the group. */
  readonly closed: boolean;
  /** New values of the push's references. */
  readonly tips: Iterable<Oid>;
}

/** Collects the objects of a group in pack order: history first, then content. */
export class PackIndexWriter {
  readonly #format: ObjectFormat;
  readonly #objects: PackIndexObject[] = [];
  readonly #ordinals = new Map<Oid, number>();

  /** Makes a writer of an empty index. */
  constructor(format: ObjectFormat) {
    this.#format = format;
  }

  /** Adds the next object; returns its ordinal. */
  add(object: PackIndexObject): number {
    const ordinal = this.#objects.length;
    const previous = this.#objects.at(-1);
    assert(!this.#ordinals.has(object.oid), "An object is added once");
    assert(
      previous?.type !== "blob" || object.type === "blob",
      "History is added before content",
    );
    this.#objects.push(object);
    this.#ordinals.set(object.oid, ordinal);
    return ordinal;
  }

  /** Encodes the index. */
  finish(summary: PackIndexSummary): Uint8Array<ArrayBuffer> {
    const objects = this.#objects;
    const externals = new ExternalRows(this.#ordinals);
    this.#collectExternals(externals, summary.tips);
    const referenceOf = externals.freeze();
    return encodePackIndex({
      format: this.#format,
      closed: summary.closed,
      historyCount: objects.filter((object) => object.type !== "blob").length,
      contentCount: objects.filter((object) => object.type === "blob").length,
      historyBytes: summary.historyBytes,
      contentBytes: summary.contentBytes,
      oids: packOids(objects.map((object) => object.oid), this.#format),
      offsetOf: (ordinal) => objects[ordinal]!.offset,
      kindOf: (ordinal) => kindOf(objects[ordinal]!),
      sizeOf: (ordinal) => objects[ordinal]!.size,
      baseOf: (ordinal) => {
        const { delta } = objects[ordinal]!;
        return delta === undefined ? NO_BASE : referenceOf(delta.base);
      },
      commits: commitTables(objects, referenceOf),
      tags: tagTables(objects, referenceOf),
      externals: {
        oids: packOids(externals.sorted(), this.#format),
        flags: Uint8Array.from(externals.sorted(), (oid) => externals.flags(oid)),
      },
      tips: Uint32Array.from(new Set(summary.tips), referenceOf),
    });
  }

  #collectExternals(externals: ExternalRows, tips: Iterable<Oid>): void {
    for (const object of this.#objects) {
      if (object.delta !== undefined) externals.add(object.delta.base, EXTERNAL_IS_BASE);
      for (const oid of linksOf(object)) externals.add(oid, EXTERNAL_IS_LINK);
    }
    for (const oid of tips) externals.add(oid, EXTERNAL_IS_TIP);
  }
}

/** Ids outside the group with their flags. */
class ExternalRows {
  readonly #ordinals: ReadonlyMap<Oid, number>;
  readonly #flags = new Map<Oid, number>();

  constructor(ordinals: ReadonlyMap<Oid, number>) {
    this.#ordinals = ordinals;
  }

  add(oid: Oid, flag: number): void {
    if (!this.#ordinals.has(oid)) this.#flags.set(oid, this.flags(oid) | flag);
  }

  flags(oid: Oid): number {
    return this.#flags.get(oid) ?? 0;
  }

  sorted(): Oid[] {
    return [...this.#flags.keys()].sort();
  }

  /** Fixes the rows; returns how an id is named from now on. */
  freeze(): (oid: Oid) => number {
    const rows = new Map(this.sorted().map((oid, row) => [oid, row]));
    return (oid) => this.#ordinals.get(oid) ?? externalReference(rows.get(oid)!);
  }
}

function* linksOf(object: PackIndexObject): Generator<Oid> {
  if (object.commit !== undefined) {
    yield object.commit.tree;
    yield* object.commit.parents;
  }
  if (object.tag !== undefined) yield object.tag.target;
  if (object.links !== undefined) yield* object.links;
}

function kindOf(object: PackIndexObject): number {
  const storage = object.delta === undefined ? 0 : object.delta.storage === "offset" ? 1 : 2;
  return OBJECT_TYPE_CODES[object.type] | storage << 3;
}

function packOids(oids: readonly Oid[], format: ObjectFormat): Uint8Array {
  const table = new Uint8Array(oids.length * oidBytes(format));
  oids.forEach((oid, row) => table.subarray(row * oidBytes(format)).setFromHex(oid));
  return table;
}

function commitTables(
  objects: readonly PackIndexObject[],
  referenceOf: (oid: Oid) => number,
): PackIndexContents["commits"] {
  const ordinals: number[] = [];
  const trees: number[] = [];
  const timesS: number[] = [];
  const parentStarts: number[] = [];
  const parents: number[] = [];
  objects.forEach((object, ordinal) => {
    if (object.type !== "commit") return;
    assert(object.commit !== undefined, "A commit comes with what it refers to");
    ordinals.push(ordinal);
    trees.push(referenceOf(object.commit.tree));
    timesS.push(object.commit.timeS);
    parentStarts.push(parents.length);
    for (const parent of object.commit.parents) parents.push(referenceOf(parent));
  });
  return {
    ordinals: Uint32Array.from(ordinals),
    trees: Uint32Array.from(trees),
    timesS: Float64Array.from(timesS),
    parentStarts: Uint32Array.from(parentStarts),
    parents: Uint32Array.from(parents),
  };
}

function tagTables(
  objects: readonly PackIndexObject[],
  referenceOf: (oid: Oid) => number,
): PackIndexContents["tags"] {
  const ordinals: number[] = [];
  const targets: number[] = [];
  objects.forEach((object, ordinal) => {
    if (object.type !== "tag") return;
    assert(object.tag !== undefined, "A tag comes with its target");
    ordinals.push(ordinal);
    targets.push(referenceOf(object.tag.target));
  });
  return { ordinals: Uint32Array.from(ordinals), targets: Uint32Array.from(targets) };
}
