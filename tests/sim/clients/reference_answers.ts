/**
 * Answers that show references, as a git client reads them: of `ls-refs`, and what a service advertises
 * before anything is asked of it.
 *
 * @module
 */

import { PacketCursor, textOf } from "../../oracle/packets.ts";

/** Where references point. */
export type ShownReferences = ReadonlyMap<string, string>;

/** Ways to be shown the references of a repository: by protocol 2, or before a fetch or a push. */
export const LISTING_WAYS = ["ls-refs", "git-upload-pack", "git-receive-pack"] as const;

/** One of them. */
export type ListingWay = typeof LISTING_WAYS[number];

/** References of an answer to `ls-refs`. @throws when it is an error, or does not come to its end */
export function readListing(bytes: Uint8Array): ShownReferences {
  const references = new Map<string, string>();
  const cursor = new PacketCursor(bytes);
  for (let packet = cursor.next(); packet?.kind === "data"; packet = cursor.next()) {
    const text = textOf(packet.payload);
    if (text.startsWith("ERR ")) throw new Error(text);
    const [oid = "", reference = ""] = text.split(" ");
    references.set(reference, oid);
  }
  checkEnd(bytes, cursor);
  return references;
}

/** References that a service advertises. @throws as {@link readListing} */
export function readAdvertisement(bytes: Uint8Array): ShownReferences {
  const references = new Map<string, string>();
  const cursor = new PacketCursor(bytes);
  const first = cursor.next();
  const text = first?.kind === "data" ? textOf(first.payload) : "";
  if (!text.startsWith("# service=")) throw new Error(`No advertisement: ${text}`);
  cursor.next();
  for (let packet = cursor.next(); packet?.kind === "data"; packet = cursor.next()) {
    const text = textOf(packet.payload);
    if (text.startsWith("ERR ")) throw new Error(text);
    // The first line goes on with capabilities; HEAD and peeled tags stand beside the references.
    const [oid = "", reference = ""] = text.split("\0")[0]!.split(" ");
    if (/^refs\/.*[^}]$/.test(reference)) references.set(reference, oid);
  }
  checkEnd(bytes, cursor);
  return references;
}

function checkEnd(bytes: Uint8Array, cursor: PacketCursor): void {
  const isWhole = textOf(bytes.subarray(-4)) === "0000" && cursor.rest.length === 0;
  if (!isWhole) throw new Error("The listing does not end");
}
