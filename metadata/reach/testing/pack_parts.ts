/**
 * A slow, obvious ingest for tests: turns a pack that git made into the parts of a pack group.
 *
 * It keeps every entry's zlib stream and rewrites offset-delta distances, as the real ingest does, but
 * holds everything in memory and trusts git.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { concatBytes } from "@gitstratum/core";
import {
  isSubmoduleMode,
  OBJECT_TYPE_CODES,
  type ObjectFormat,
  type ObjectType,
  objectTypeOf,
  type Oid,
  oidBytes,
  parseCommit,
  parseTag,
  TreeCursor,
} from "@gitstratum/core/git";
import { applyEntryDelta, encodeEntryHead, PackIndexWriter } from "@gitstratum/core/pack";

/** The three parts of a group. */
export interface PackParts {
  readonly h: Uint8Array;
  readonly c: Uint8Array;
  readonly i: Uint8Array;
  readonly historyCount: number;
  readonly contentCount: number;
}

/** Finds thin bases. */
export type BaseFinder = (oid: Oid) => Promise<{ type: ObjectType; bytes: Uint8Array }>;

interface Entry {
  readonly at: number;
  readonly payloadSize: number;
  readonly zlib: Uint8Array;
  readonly payload: Uint8Array;
  readonly base: number | Oid | undefined;
  type: ObjectType | undefined;
  oid: Oid | undefined;
  bytes: Uint8Array | undefined;
}

/** Splits a pack with its header and trailer. */
export async function splitPack(
  pack: Uint8Array,
  options: {
    readonly format: ObjectFormat;
    readonly tips: readonly Oid[];
    readonly findBase: BaseFinder;
  },
): Promise<PackParts> {
  const { format } = options;
  const entries = scan(pack, oidBytes(format));
  await resolve(entries, options);
  const ordered = [
    ...entries.filter((entry) => entry.type !== "blob"),
    ...entries.filter((entry) => entry.type === "blob"),
  ];
  const places = new Map<number, { offset: number; oid: Oid }>();
  const writer = new PackIndexWriter(format);
  const parts: Record<"h" | "c", Uint8Array[]> = { h: [], c: [] };
  const lengths = { h: 0, c: 0 };
  const linked = new Set<Oid>();
  for (const entry of ordered) {
    const part = entry.type === "blob" ? "c" : "h";
    const offset = lengths[part];
    const base = typeof entry.base === "number" ? places.get(entry.base)! : entry.base;
    const bytes = encode(entry, offset, base);
    places.set(entry.at, { offset, oid: entry.oid! });
    parts[part].push(bytes);
    lengths[part] += bytes.length;
    const links = linksOf(entry, format);
    for (const link of links.all) linked.add(link);
    writer.add({
      oid: entry.oid!,
      type: entry.type!,
      offset,
      size: entry.bytes!.length,
      ...base === undefined ? {} : {
        delta: typeof base === "string"
          ? { storage: "reference" as const, base }
          : { storage: "offset" as const, base: base.oid },
      },
      ...links.chunks,
    });
  }
  const closed = ordered.every((entry) =>
    linked.has(entry.oid!) || options.tips.includes(entry.oid!)
  );
  const i = writer.finish({
    historyBytes: lengths.h,
    contentBytes: lengths.c,
    closed,
    tips: options.tips,
  });
  const contentCount = ordered.filter((entry) => entry.type === "blob").length;
  return {
    h: concatBytes(parts.h),
    c: concatBytes(parts.c),
    i,
    historyCount: ordered.length - contentCount,
    contentCount,
  };
}

/** The ids of a pack's objects, in pack order, as often as they occur. */
export async function packOids(
  pack: Uint8Array,
  options: { readonly format: ObjectFormat; readonly findBase: BaseFinder },
): Promise<Oid[]> {
  const entries = scan(pack, oidBytes(options.format));
  await resolve(entries, options);
  return entries.map((entry) => entry.oid!);
}

function scan(pack: Uint8Array, width: number): Entry[] {
  const view = new DataView(pack.buffer, pack.byteOffset, pack.byteLength);
  const count = view.getUint32(8);
  const entries: Entry[] = [];
  let at = 12;
  for (let number = 0; number < count; number++) {
    const start = at;
    let byte = pack[at++]!;
    const code = (byte >> 4) & 7;
    let payloadSize = byte & 15;
    for (let scale = 16; byte & 0x80; scale *= 128) {
      byte = pack[at++]!;
      payloadSize += (byte & 0x7f) * scale;
    }
    let base: number | Oid | undefined;
    if (code === 6) {
      byte = pack[at++]!;
      let distance = byte & 0x7f;
      while (byte & 0x80) {
        byte = pack[at++]!;
        distance = (distance + 1) * 128 + (byte & 0x7f);
      }
      base = start - distance;
    } else if (code === 7) {
      base = pack.subarray(at, at + width).toHex() as Oid;
      at += width;
    }
    const inflated = inflateSync(pack.subarray(at), { info: true }) as unknown as {
      buffer: Uint8Array;
      engine: { bytesWritten: number };
    };
    const zlib = pack.subarray(at, at + inflated.engine.bytesWritten);
    at += zlib.length;
    const type = objectTypeOf(code);
    entries.push({
      at: start,
      payloadSize,
      zlib,
      payload: inflated.buffer,
      base,
      type,
      oid: undefined,
      bytes: type === undefined ? undefined : inflated.buffer,
    });
  }
  return entries;
}

async function resolve(
  entries: readonly Entry[],
  options: { readonly format: ObjectFormat; readonly findBase: BaseFinder },
): Promise<void> {
  const byPlace = new Map(entries.map((entry) => [entry.at, entry]));
  const byOid = new Map<Oid, Entry>();
  let pending = [...entries];
  while (pending.length > 0) {
    const left: Entry[] = [];
    for (const entry of pending) {
      if (entry.bytes === undefined) {
        const base = typeof entry.base === "number"
          ? byPlace.get(entry.base)
          : byOid.get(entry.base!);
        if (base?.bytes === undefined) {
          left.push(entry);
          continue;
        }
        entry.type = base.type;
        entry.bytes = applyEntryDelta(base.bytes, entry.payload, {
          format: options.format,
          sizeMax: 1 << 26,
        });
      }
      entry.oid ??= hash(entry.type!, entry.bytes, options.format);
      byOid.set(entry.oid, entry);
    }
    if (left.length === pending.length) {
      for (const entry of left.filter((entry) => typeof entry.base === "string")) {
        const base = await options.findBase(entry.base as Oid);
        entry.type = base.type;
        entry.bytes = applyEntryDelta(base.bytes, entry.payload, {
          format: options.format,
          sizeMax: 1 << 26,
        });
      }
    }
    pending = left;
  }
}

function hash(type: ObjectType, bytes: Uint8Array, format: ObjectFormat): Oid {
  return createHash(format).update(`${type} ${bytes.length}\0`).update(bytes).digest("hex") as Oid;
}

function encode(entry: Entry, offset: number, base: { offset: number } | Oid | undefined) {
  const code = base === undefined
    ? OBJECT_TYPE_CODES[entry.type!]
    : typeof base === "string"
    ? 7
    : 6;
  const head = encodeEntryHead({
    typeCode: code,
    size: entry.payloadSize,
    ...base === undefined ? {} : { base: typeof base === "string" ? base : offset - base.offset },
  });
  return concatBytes([head, entry.zlib]);
}

function linksOf(entry: Entry, format: ObjectFormat) {
  const bytes = entry.bytes!;
  switch (entry.type!) {
    case "commit": {
      const { tree, parents, committerTimeS } = parseCommit(bytes, format);
      return {
        all: [tree, ...parents],
        chunks: { commit: { tree, parents, timeS: committerTimeS } },
      };
    }
    case "tag": {
      const { target } = parseTag(bytes, format);
      return { all: [target], chunks: { tag: { target } } };
    }
    case "tree": {
      const links: Oid[] = [];
      const cursor = new TreeCursor(bytes, format);
      while (cursor.next()) {
        if (isSubmoduleMode(cursor.mode)) continue;
        const end = cursor.oidOffset + oidBytes(format);
        links.push(bytes.subarray(cursor.oidOffset, end).toHex() as Oid);
      }
      return { all: links, chunks: { links } };
    }
    case "blob":
      return { all: [], chunks: {} };
  }
}
