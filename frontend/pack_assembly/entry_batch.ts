/**
 * Stored entries read together: those that lie near each other come with one read.
 *
 * @module
 */

import type { RecipePack } from "@gitstratum/core/recipe";
import type { EntryLocation, ExtentStore } from "@gitstratum/core/rpc";
import { READ_BYTES_MAX, readChunks } from "./extent_read.ts";

/** Unwanted bytes between two entries that are read along: cheaper than a second read. */
const GAP_BYTES_MAX = 32 * 1024;

/** Where an entry is, as a key. */
export function placeOf(entry: EntryLocation): string {
  return `${entry.pack} ${entry.offset}`;
}

/** A run of a pack that is read at once. */
interface Span {
  readonly pack: RecipePack;
  readonly offset: number;
  end: number;
  readonly entries: EntryLocation[];
}

/**
 * Reads entries, each named once, and gives them by {@link placeOf}. What is held is a little more
 * than their lengths together.
 *
 * @throws `corrupt` when an extent is shorter than a place says, and whatever the store throws
 */
export async function readEntries(
  extents: Pick<ExtentStore, "read">,
  entries: Iterable<EntryLocation>,
): Promise<Map<string, Uint8Array>> {
  const read = new Map<string, Uint8Array>();
  await Promise.all(
    spansOf(entries).map(async (span) => {
      const { pack, offset, end } = span;
      const bytes = await wholeRange(extents, { ...pack, offset, length: end - offset });
      for (const entry of span.entries) {
        const start = entry.offset - offset;
        read.set(placeOf(entry), bytes.subarray(start, start + entry.length));
      }
    }),
  );
  return read;
}

/** The bytes of a run in one piece. @throws as {@link readEntries} */
export async function wholeRange(
  extents: Pick<ExtentStore, "read">,
  range: EntryLocation,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks = await Array.fromAsync(readChunks(extents, range));
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const bytes = new Uint8Array(range.length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function spansOf(entries: Iterable<EntryLocation>): Span[] {
  const sorted = [...entries].sort((left, right) =>
    left.pack === right.pack ? left.offset - right.offset : left.pack < right.pack ? -1 : 1
  );
  const spans: Span[] = [];
  for (const entry of sorted) {
    const { pack, extentBytes, offset } = entry;
    const end = offset + entry.length;
    const last = spans.at(-1);
    const joins = last !== undefined && last.pack.pack === pack &&
      offset - last.end <= GAP_BYTES_MAX && end - last.offset <= READ_BYTES_MAX;
    if (joins) {
      last.end = end;
      last.entries.push(entry);
    } else spans.push({ pack: { pack, extentBytes }, offset, end, entries: [entry] });
  }
  return spans;
}
