/**
 * Hand-made packs and requests, for what no git client would send. Written apart from the server's
 * own code, so that a shared mistake can not hide.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { deflateSync } from "node:zlib";

const encoder = new TextEncoder();

/** Joins byte strings. */
export function joinBytes(...parts: readonly (Uint8Array | string)[]): Uint8Array<ArrayBuffer> {
  const all = parts.map((part) => typeof part === "string" ? encoder.encode(part) : part);
  const joined = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of all) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

/** A pkt-line. */
export function pktLine(text: string): string {
  return (encoder.encode(text).length + 4).toString(16).padStart(4, "0") + text;
}

/** Type numbers of pack entries. */
export const ENTRY = { commit: 1, tree: 2, blob: 3, tag: 4, ofsDelta: 6, refDelta: 7 } as const;

/** Header of a pack entry. */
export function entryHeader(type: number, size: number): Uint8Array {
  const bytes: number[] = [];
  let byte = (type << 4) | (size & 15);
  let rest = Math.floor(size / 16);
  while (rest > 0) {
    bytes.push(byte | 0x80);
    byte = rest & 0x7f;
    rest = Math.floor(rest / 128);
  }
  bytes.push(byte);
  return new Uint8Array(bytes);
}

/** Distance of an offset delta. */
export function ofsDistance(distance: number): Uint8Array {
  const bytes = [distance & 0x7f];
  for (let rest = Math.floor(distance / 128); rest > 0; rest = Math.floor(rest / 128)) {
    rest -= 1;
    bytes.unshift(0x80 | (rest & 0x7f));
  }
  return new Uint8Array(bytes);
}

/** One entry; `size` may lie. */
export function entry(
  type: number,
  content: Uint8Array | string,
  options: { readonly size?: number; readonly base?: Uint8Array } = {},
): Uint8Array {
  const bytes = joinBytes(content);
  return joinBytes(
    entryHeader(type, options.size ?? bytes.length),
    options.base ?? new Uint8Array(),
    deflateSync(bytes),
  );
}

/** A pack of entries; count, version and trailer may lie. */
export function pack(
  entries: readonly Uint8Array[],
  options: { readonly count?: number; readonly version?: number; readonly trailer?: Uint8Array } =
    {},
): Uint8Array<ArrayBuffer> {
  const header = new DataView(new ArrayBuffer(12));
  header.setUint32(0, 0x5041434b);
  header.setUint32(4, options.version ?? 2);
  header.setUint32(8, options.count ?? entries.length);
  const body = joinBytes(new Uint8Array(header.buffer), ...entries);
  const trailer = options.trailer ?? createHash("sha1").update(body).digest();
  return joinBytes(body, trailer);
}

/** Id of an object. */
export function objectId(type: string, content: Uint8Array | string): string {
  const bytes = joinBytes(content);
  return createHash("sha1").update(`${type} ${bytes.length}\0`).update(bytes).digest("hex");
}

/** A sha1 repository's "no object". */
export const NO_OBJECT = "0".repeat(40);

/** Body of a receive-pack request with one command. */
export function pushBody(
  command: { readonly ref: string; readonly to: string; readonly from?: string },
  packBytes: Uint8Array | string,
): Uint8Array<ArrayBuffer> {
  const line = `${command.from ?? NO_OBJECT} ${command.to} ${command.ref}`;
  return joinBytes(pktLine(`${line}\0 report-status side-band-64k agent=test`), "0000", packBytes);
}

/** Posts a receive-pack request and answers status and text. */
export async function postPush(
  url: string,
  body: BodyInit,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const response = await fetch(`${url}/git-receive-pack`, {
    method: "POST",
    headers: { "content-type": "application/x-git-receive-pack-request", ...headers },
    body,
  });
  return { status: response.status, text: await response.text() };
}

/** A commit with one empty tree: the smallest sound push. */
export function smallCommit(message: string): {
  readonly oid: string;
  readonly entries: readonly Uint8Array[];
} {
  const tree = objectId("tree", "");
  const person = "A U Thor <author@example.com> 1700000000 +0000";
  const content = `tree ${tree}\nauthor ${person}\ncommitter ${person}\n\n${message}\n`;
  return {
    oid: objectId("commit", content),
    entries: [entry(ENTRY.commit, content), entry(ENTRY.tree, "")],
  };
}
