/**
 * Pages of listings: every listing of the API is asked and answered alike.
 *
 * @module
 */

import { z } from "zod";

/** Entries of one page: what a screen shows, and what one answer may cost. */
export const PAGE_COUNT_MAX = 1000;
const PAGE_COUNT_DEFAULT = 100;
/** Longest place in a listing, in characters: a sealed name of an owner and a repository. */
const PLACE_LENGTH_MAX = 1000;

/** The parameters of every listing. */
export const PAGE_QUERY = {
  limit: z.coerce.number().int().min(1).max(PAGE_COUNT_MAX).default(PAGE_COUNT_DEFAULT)
    .describe("Most entries of the page; fewer do not mean that it is the last one"),
  after: z.string().min(1).max(PLACE_LENGTH_MAX).optional()
    .describe("`next` of the page before; the first page when absent"),
};

/** Which page is asked for. */
export interface PageQuery {
  /** Most entries. */
  readonly limit: number;
  /** Where the page before ended. */
  readonly after?: string | undefined;
}

/** The answer of a listing: entries under a name of their own, and where to go on. */
export function pageOf<const Name extends string, Entry extends z.ZodType>(
  name: Name,
  entry: Entry,
) {
  const entries = { [name]: z.array(entry) } as { [Key in Name]: z.ZodArray<Entry> };
  return z.strictObject({
    ...entries,
    next: z.string().optional().describe("`after` of the next page; absent on the last one"),
  });
}
