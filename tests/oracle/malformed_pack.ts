/**
 * Small packs with one defect each, by seed: in the pack's frame, in an entry, in a delta.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import {
  ENTRY,
  entry,
  entryHeader,
  joinBytes,
  objectId,
  ofsDistance,
  pack,
} from "../harness/raw_pack.ts";
import type { SeededRandom } from "../harness/seeded_random.ts";

/** A pack and the commit that a push of it would bring. */
export interface DrawnPack {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly tip: string;
  readonly defect: string;
}

const PERSON = "A U Thor <author@example.com> 1700000000 +0000";

/** A varint of deltas: seven bits a byte, low first. */
function deltaSize(size: number): number[] {
  const bytes: number[] = [];
  let rest = size;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push(0x80 | (rest & 127));
  return [...bytes, rest];
}

function copy(offset: number, size: number): number[] {
  return [0x80 | 0x01 | 0x02 | 0x10 | 0x20, offset & 255, offset >> 8, size & 255, size >> 8];
}

function insert(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

/** The objects of one push: a blob, a second one that a delta makes of it, a tree and a commit. */
class Parts {
  readonly base: string;
  readonly result: string;
  readonly tree: Uint8Array;
  readonly commit: string;
  readonly delta: Uint8Array;

  constructor(random: SeededRandom) {
    const salt = `${random.below(1e9)} `;
    this.base = salt.repeat(20);
    this.result = `${this.base.slice(0, 50)}new words${this.base.slice(50)}`;
    this.delta = new Uint8Array([
      ...deltaSize(this.base.length),
      ...deltaSize(this.result.length),
      ...copy(0, 50),
      ...insert("new words"),
      ...copy(50, this.base.length - 50),
    ]);
    const row = (name: string, text: string) =>
      joinBytes(`100644 ${name}\0`, Uint8Array.fromHex(objectId("blob", text)));
    this.tree = joinBytes(row("a", this.base), row("b", this.result));
    this.commit = `tree ${
      objectId("tree", this.tree)
    }\nauthor ${PERSON}\ncommitter ${PERSON}\n\n${salt}\n`;
  }

  get tip(): string {
    return objectId("commit", this.commit);
  }

  get entries(): Uint8Array[] {
    const base = entry(ENTRY.blob, this.base);
    return [
      entry(ENTRY.commit, this.commit),
      entry(ENTRY.tree, this.tree),
      base,
      entry(ENTRY.ofsDelta, this.delta, { base: ofsDistance(base.length) }),
    ];
  }

  /** The entries with another delta, or another way to its base. */
  withDelta(delta: Uint8Array, base?: Uint8Array): Uint8Array[] {
    const [commit, tree, blob] = this.entries;
    const changed = entry(ENTRY.ofsDelta, delta, { base: base ?? ofsDistance(blob!.length) });
    return [commit!, tree!, blob!, changed];
  }

  /** The entries with the last one by the id of its base. */
  withReference(base: Uint8Array, delta = this.delta): Uint8Array[] {
    return [...this.entries.slice(0, 3), entry(ENTRY.refDelta, delta, { base })];
  }
}

type Defect = (parts: Parts, random: SeededRandom) => Uint8Array;

function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at]! ^= 1 << bit;
  return changed;
}

/** A pack whose body is changed before its trailer is made. */
function resealed(entries: readonly Uint8Array[], change: (body: Uint8Array) => Uint8Array) {
  const whole = pack(entries);
  const body = change(whole.subarray(0, whole.length - 20));
  return joinBytes(body, createHash("sha1").update(body).digest());
}

function edited(delta: Uint8Array, at: number, byte: number): Uint8Array {
  const changed = Uint8Array.from(delta);
  changed[at < 0 ? changed.length + at : at] = byte;
  return changed;
}

/** An entry whose compressed bytes are not what they should be. */
function oddStream(parts: Parts, change: (stream: Uint8Array) => Uint8Array): Uint8Array[] {
  const [commit, tree] = parts.entries;
  const stream = change(deflateSync(parts.base));
  const blob = joinBytes(entryHeader(ENTRY.blob, parts.base.length), stream);
  const base = ofsDistance(blob.length);
  return [commit!, tree!, blob, entry(ENTRY.ofsDelta, parts.delta, { base })];
}

const DEFECTS: Readonly<Record<string, Defect>> = {
  "none": (parts) => pack(parts.entries),
  "none, bases last": (parts) => {
    const [commit, tree, blob] = parts.entries;
    const base = Uint8Array.fromHex(objectId("blob", parts.base));
    return pack([entry(ENTRY.refDelta, parts.delta, { base }), commit!, tree!, blob!]);
  },
  "version 3": (parts) => pack(parts.entries, { version: 3 }),
  "version": (parts, random) => pack(parts.entries, { version: random.pick([0, 1, 4, 2 ** 31]) }),
  "count": (parts, random) =>
    pack(parts.entries, { count: random.pick([0, 1, 3, 5, 100, 2 ** 32 - 1]) }),
  "trailer": (parts) => pack(parts.entries, { trailer: new Uint8Array(20) }),
  "magic": (parts, random) => {
    const at = random.below(4);
    return resealed(parts.entries, (body) => flipped(body, at, 1));
  },
  "bit in the body, sealed": (parts, random) => {
    const at = 12 + random.below(pack(parts.entries).length - 32);
    return resealed(parts.entries, (body) => flipped(body, at, random.below(8)));
  },
  "cut, sealed": (parts, random) => {
    const end = random.below(pack(parts.entries).length - 20);
    return resealed(parts.entries, (body) => body.subarray(0, end));
  },
  "bytes within, sealed": (parts, random) => {
    const at = 12 + random.below(pack(parts.entries).length - 32);
    return resealed(
      parts.entries,
      (body) => joinBytes(body.subarray(0, at), random.bytes(3), body.subarray(at)),
    );
  },
  "bytes before the trailer": (parts) =>
    resealed(parts.entries, (body) => joinBytes(body, "garbage")),
  "type": (parts, random) => {
    const [commit, tree, , delta] = parts.entries;
    return pack([commit!, tree!, entry(random.pick([0, 5, 1, 2, 4]), parts.base), delta!]);
  },
  "size": (parts, random) => {
    const size = Math.max(0, parts.base.length + random.pick([-1, 1, -100, 100, 2 ** 33]));
    const [commit, tree, , delta] = parts.entries;
    return pack([commit!, tree!, entry(ENTRY.blob, parts.base, { size }), delta!]);
  },
  "size of a delta": (parts, random) => {
    const size = parts.delta.length + random.pick([-1, 1]);
    const [commit, tree, blob] = parts.entries;
    const base = ofsDistance(blob!.length);
    return pack([commit!, tree!, blob!, entry(ENTRY.ofsDelta, parts.delta, { size, base })]);
  },
  "zlib header": (parts) => pack(oddStream(parts, (stream) => flipped(stream, 0, 3))),
  "zlib checksum": (parts) =>
    pack(oddStream(parts, (stream) => flipped(stream, stream.length - 1, 0))),
  "zlib end": (parts) => pack(oddStream(parts, (stream) => stream.subarray(0, -2))),
  "bytes behind a zlib stream": (parts) =>
    pack(oddStream(parts, (stream) => joinBytes(stream, "x"))),
  "an object twice": (parts) => {
    const [commit, tree, blob, delta] = parts.entries;
    return pack([blob!, commit!, tree!, blob!, delta!]);
  },
  "no objects": () => pack([]),
  "base size": (parts, random) =>
    pack(parts.withDelta(edited(parts.delta, 0, random.below(128) | 0x80))),
  "result size": (parts) => pack(parts.withDelta(edited(parts.delta, 2, 0x81))),
  "reserved opcode": (parts) => pack(parts.withDelta(joinBytes(parts.delta, Uint8Array.of(0)))),
  "copy beyond the base": (parts) => pack(parts.withDelta(edited(parts.delta, -1, 0xff))),
  "delta too short": (parts, random) =>
    pack(parts.withDelta(parts.delta.subarray(0, random.below(parts.delta.length)))),
  "delta of nothing": (parts) => pack(parts.withDelta(new Uint8Array())),
  "insert beyond the delta": (parts) =>
    pack(parts.withDelta(joinBytes(parts.delta, Uint8Array.of(127, 1)))),
  "distance 0": (parts) => pack(parts.withDelta(parts.delta, Uint8Array.of(0))),
  "distance beyond the start": (parts, random) =>
    pack(parts.withDelta(parts.delta, ofsDistance(random.pick([5000, 2 ** 31, 2 ** 40])))),
  "distance into an entry": (parts, random) =>
    pack(parts.withDelta(parts.delta, ofsDistance(1 + random.below(20)))),
  "endless distance": (parts) => pack(parts.withDelta(parts.delta, new Uint8Array(12).fill(0xff))),
  "unknown base": (parts, random) => pack(parts.withReference(random.bytes(20))),
  "a base that is a tree": (parts) =>
    pack(parts.withReference(Uint8Array.fromHex(objectId("tree", parts.tree)))),
  "its own result as base": (parts) =>
    pack(parts.withReference(Uint8Array.fromHex(objectId("blob", parts.result)))),
  "the commit is missing": (parts) => pack(parts.entries.slice(1)),
  "a blob is missing": (parts) => pack(parts.entries.slice(0, 3)),
  "only deltas": (parts) => pack(parts.withReference(new Uint8Array(20)).slice(3)),
};

/** Draws a pack. */
export function drawPack(random: SeededRandom): DrawnPack {
  const defect = random.pick(Object.keys(DEFECTS));
  const parts = new Parts(random);
  return { bytes: joinBytes(DEFECTS[defect]!(parts, random)), tip: parts.tip, defect };
}
