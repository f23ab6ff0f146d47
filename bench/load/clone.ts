/**
 * A clone as its server sees it: capabilities, references, pack.
 *
 * @module
 */

import type { Address } from "../servers/metered_server.ts";
import { exchange, parseAnswer, requireOk } from "./http_exchange.ts";
import { packets, packetText } from "./packet_lines.ts";
import { readPackAnswer, type ReceivedPack } from "./pack_answer.ts";
import { advertisementRequest, fetchRequest, listRequest } from "./upload_requests.ts";

/** What to clone. */
export interface CloneWish {
  /** The one reference to clone, by its full name; all when absent. */
  readonly reference?: string;
  readonly depth?: number;
  readonly filter?: string;
}

/** What came, not looked at yet. */
export interface RawClone {
  /** Object ids by reference name. */
  readonly references: ReadonlyMap<string, string>;
  /** Bytes of the answer that holds the pack, as they came. */
  readonly answer: Uint8Array;
}

/** Parses an ls-refs answer, peeled ids left out. */
export function parseReferences(body: Uint8Array): Map<string, string> {
  const references = new Map<string, string>();
  for (const packet of packets(body)) {
    if (packet.kind !== "data") continue;
    const [oid, name] = packetText(packet.payload).split(" ");
    references.set(name!, oid!);
  }
  return references;
}

/** Lists references over a connection of its own. */
export async function listReferences(
  target: { readonly address: Address; readonly path: string },
  prefixes: readonly string[] = [],
): Promise<Map<string, string>> {
  const raw = await exchange(target.address, listRequest(target.path, prefixes));
  return parseReferences(requireOk(parseAnswer(raw)).body);
}

/** Clones into a buffer; nothing of the pack is parsed. */
export async function rawClone(
  target: { readonly address: Address; readonly path: string },
  wish: CloneWish,
  buffer?: Uint8Array,
): Promise<RawClone> {
  const { address, path } = target;
  requireOk(parseAnswer(await exchange(address, advertisementRequest(path))));
  const { reference, ...rest } = wish;
  const listed = await listReferences(target, reference === undefined ? [] : [reference]);
  // A prefix also names other references that begin alike; git's own client leaves them out as well.
  const references = new Map(
    [...listed].filter(([name]) => reference === undefined || name === reference),
  );
  const wants = [...new Set(references.values())];
  const answer = await exchange(address, fetchRequest(path, { wants, ...rest }), buffer);
  return { references, answer };
}

/** Takes the pack out of a clone and proves it whole. */
export function clonedPack(clone: RawClone): ReceivedPack {
  return readPackAnswer(requireOk(parseAnswer(clone.answer)).body);
}
