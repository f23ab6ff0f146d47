/**
 * A pack of a history that nobody wrote, to practise on: commits, trees and texts, most of the latter
 * two as deltas, like the packs that clients send.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";
import { OBJECT_TYPE_CODES, type ObjectType, type Oid } from "@gitstratum/core/git";
import {
  encodeEntryHead,
  encodePackHeader,
  encodeWholeEntry,
  OFS_DELTA,
} from "@gitstratum/core/pack";
import { DeltaEncoder } from "@gitstratum/wasm";

const COMMIT_COUNT = 200;
const FILE_COUNT = 24;
const LINE_COUNT = 120;
/** Deltas on one object before the next one is whole, as clients limit them. */
const CHAIN_LENGTH_MAX = 50;

/** An object of the history; `base` is the one that it is stored as a delta of. */
interface PracticeObject {
  readonly type: ObjectType;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly base?: PracticeObject;
}

const encoder = new TextEncoder();

/** The pieces as one; not by core's entry point, which would have the thread load all of core. */
function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(pieces));
}

function oidOf({ type, bytes }: PracticeObject): Oid {
  const hash = createHash("sha1").update(`${type} ${bytes.length}\0`).update(bytes);
  return hash.digest("hex") as Oid;
}

/** The pack, the same each time. */
export function practicePack(): Uint8Array<ArrayBuffer> {
  return packOf(practiceObjects());
}

/** Commits, then trees, then texts, as git orders them. */
function practiceObjects(): PracticeObject[] {
  const texts = Array.from({ length: FILE_COUNT }, (_, file) => textOf(file));
  const blobs: PracticeObject[] = [];
  const latest = texts.map((lines) => blobOf(lines, undefined));
  blobs.push(...latest);
  const trees: PracticeObject[] = [];
  const commits: PracticeObject[] = [];
  for (let number = 0; number < COMMIT_COUNT; number++) {
    const file = number % FILE_COUNT;
    texts[file]![number * 7 % LINE_COUNT] = `line ${number} was written anew\n`;
    latest[file] = blobOf(texts[file]!, latest[file]!);
    blobs.push(latest[file]);
    const isWhole = number % CHAIN_LENGTH_MAX === 0;
    const tree = treeOf(latest, isWhole ? undefined : trees.at(-1));
    trees.push(tree);
    commits.push(commitOf(tree, commits.at(-1), number));
  }
  return [...commits, ...trees, ...blobs];
}

function textOf(file: number): string[] {
  return Array.from(
    { length: LINE_COUNT },
    (_, line) => `line ${line} of file ${file}: ${(line * 2654435761 + file) % 1_000_003}\n`,
  );
}

function blobOf(lines: readonly string[], base: PracticeObject | undefined): PracticeObject {
  return { type: "blob", bytes: encoder.encode(lines.join("")), ...(base && { base }) };
}

function treeOf(
  files: readonly PracticeObject[],
  base: PracticeObject | undefined,
): PracticeObject {
  const entries = files.flatMap((file, number) => [
    encoder.encode(`100644 file-${`${number}`.padStart(2, "0")}.txt\0`),
    Uint8Array.fromHex(oidOf(file)),
  ]);
  return { type: "tree", bytes: joined(entries), ...(base && { base }) };
}

function commitOf(
  tree: PracticeObject,
  parent: PracticeObject | undefined,
  number: number,
): PracticeObject {
  const person = `Nobody <nobody@example.com> ${1_700_000_000 + number} +0000`;
  const lines = [
    `tree ${oidOf(tree)}`,
    ...(parent === undefined ? [] : [`parent ${oidOf(parent)}`]),
    `author ${person}`,
    `committer ${person}`,
    "",
    `Practise, ${number}`,
    "",
  ];
  return { type: "commit", bytes: encoder.encode(lines.join("\n")) };
}

function packOf(objects: readonly PracticeObject[]): Uint8Array<ArrayBuffer> {
  const deltas = new DeltaEncoder();
  const offsets = new Map<PracticeObject, number>();
  const pieces: Uint8Array[] = [encodePackHeader(objects.length)];
  let at = pieces[0]!.length;
  for (const object of objects) {
    const from = object.base && offsets.get(object.base);
    const delta = object.base &&
      deltas.encode(object.base.bytes, object.bytes, object.bytes.length);
    offsets.set(object, at);
    const entry = delta === undefined || from === undefined
      ? encodeWholeEntry(OBJECT_TYPE_CODES[object.type], object.bytes)
      : joined([
        encodeEntryHead({ typeCode: OFS_DELTA, size: delta.length, base: at - from }),
        deflateSync(delta),
      ]);
    pieces.push(entry);
    at += entry.length;
  }
  const pack = joined(pieces);
  return joined([pack, createHash("sha1").update(pack).digest()]);
}
