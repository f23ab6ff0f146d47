/**
 * Reading a range of any size from etcd: in pages of one revision, none larger than an answer may be.
 *
 * @module
 */

import type { z } from "zod";
import { GitStratumError, hasCode } from "../error.ts";
import type { KeyRange, KeyValue, RangeResult, Revision } from "./consensus.ts";
import { type rangeAnswerSchema, toKeyValue } from "./etcd_wire.ts";

/** What of a range to read. */
export interface RangePage {
  /** Keys at most. */
  readonly limit?: number;
  /** The revision to read at; the newest without it. */
  readonly revision?: Revision;
}

/** Reads a page of a range. */
export type ReadPage = (
  range: KeyRange,
  page: RangePage,
) => Promise<z.output<typeof rangeAnswerSchema>>;

/** Keys of the first page: most ranges are shorter. */
const PAGE_COUNT = 64;
/** Keys of a page whose predecessor was light. */
const PAGE_COUNT_MAX = 2048;
/** So many of the largest values fit an answer. */
const PAGE_COUNT_MIN = 16;
/** A page below this is light. */
const LIGHT_BYTES = 256 * 1024;
/** Attempts when the revision of the first page is compacted before the last one is read. */
const ROUND_COUNT_MAX = 5;

/**
 * All entries of a range, up to a limit, as they were at one revision.
 *
 * @throws `unavailable` when compactions overtake every attempt
 */
export async function readRange(
  read: ReadPage,
  options: { readonly range: KeyRange; readonly limit?: number },
): Promise<RangeResult> {
  for (let round = 0; round < ROUND_COUNT_MAX; round++) {
    try {
      return await readPages(read, options);
    } catch (error) {
      if (!hasCode(error, "not-found")) throw error;
    }
  }
  throw new GitStratumError("unavailable", "Lose every race against compactions");
}

async function readPages(
  read: ReadPage,
  options: { readonly range: KeyRange; readonly limit?: number },
): Promise<RangeResult> {
  const limit = options.limit ?? Number.MAX_SAFE_INTEGER;
  const entries: KeyValue[] = [];
  let revision: Revision | undefined;
  let { from } = options.range;
  let count = PAGE_COUNT;
  for (;;) {
    // Etcd takes no limit of 0, and one entry shows as well whether there are any.
    const wanted = Math.max(1, Math.min(count, limit - entries.length));
    const answer = await readLighter(read, { from, to: options.range.to }, {
      limit: wanted,
      ...(revision === undefined ? {} : { revision }),
    });
    const page = answer.kvs.map(toKeyValue);
    checkPage(page, { from, to: options.range.to });
    revision ??= answer.header.revision;
    entries.push(...page.slice(0, limit - entries.length));
    const more = answer.more || page.length > limit;
    if (!more || entries.length >= limit) return { entries, revision, more };
    from = `${page.at(-1)!.key}!`;
    count = isLight(page) ? Math.min(count * 4, PAGE_COUNT_MAX) : PAGE_COUNT_MIN;
  }
}

/** Reads a page, or a shorter one when that is too long for an answer. */
async function readLighter(
  read: ReadPage,
  range: KeyRange,
  page: RangePage & { readonly limit: number },
): Promise<z.output<typeof rangeAnswerSchema>> {
  try {
    return await read(range, page);
  } catch (error) {
    if (!hasCode(error, "exhausted") || page.limit <= PAGE_COUNT_MIN) throw error;
    return await read(range, { ...page, limit: PAGE_COUNT_MIN });
  }
}

/** An answer with keys that were not asked for, or out of order, would turn into gaps and repeats. */
function checkPage(page: readonly KeyValue[], range: KeyRange): void {
  let before = "";
  for (const { key } of page) {
    if (key <= before || key < range.from || key >= range.to) {
      throw new GitStratumError("unavailable", "Receive the keys that were asked for, in order", {
        data: { ...range, found: key.slice(0, 80) },
      });
    }
    before = key;
  }
}

function isLight(page: readonly KeyValue[]): boolean {
  return page.reduce((sum, { key, value }) => sum + key.length + value.length, 0) < LIGHT_BYTES;
}
