/**
 * Pages of the repositories that somebody may read.
 *
 * The metadata lists all repositories in byte order of their names. A page shows those that its reader
 * may see, and looks at a bounded number of others on the way, so that it may show fewer than were
 * asked for and yet not be the last.
 *
 * @module
 */

import type { Principal } from "@gitstratum/core/access";
import type {
  Metadata,
  RepositoryInfo,
  RepositoryListQuery,
  RepositoryName,
} from "@gitstratum/core/rpc";
import type { AccessGate } from "../access/access_gate.ts";
import { PAGE_COUNT_MAX, type PageQuery } from "./page.ts";
import type { PageCursors } from "./page_cursor.ts";

/** Repositories that one page looks at: those that stay unseen cost as much as the others. */
const EXAMINED_COUNT_MAX = 10 * PAGE_COUNT_MAX;
/** Longest part of a repository's name, in characters. */
const SEGMENT_LENGTH_MAX = 100;

/** What a listing works with. */
export interface RepositoryListingOptions {
  /** Lists all. */
  readonly metadata: Pick<Metadata, "listRepositories">;
  /** Decides which are shown. */
  readonly gate: AccessGate;
  /** Seals places. */
  readonly cursors: PageCursors;
}

/** Which page. */
export interface RepositoryPageQuery extends PageQuery {
  /** Only those of this owner. */
  readonly owner?: string | undefined;
}

/** A page. */
export interface RepositoryPage {
  /** In byte order of their names. */
  readonly repositories: readonly RepositoryInfo[];
  /** Where to go on; absent after the last. */
  readonly next?: string;
}

/**
 * One page of what somebody may read.
 *
 * @throws `invalid` for a place that no page of the same listing gave
 */
export async function repositoryPage(
  query: RepositoryPageQuery,
  principal: Principal,
  options: RepositoryListingOptions,
): Promise<RepositoryPage> {
  const { metadata, gate, cursors } = options;
  const listing = `repos ${query.owner ?? ""}`;
  const range = rangeOf(query.owner);
  let after = query.after === undefined ? range.after : cursors.open(listing, query.after);
  const repositories: RepositoryInfo[] = [];
  for (let examined = 0; examined < EXAMINED_COUNT_MAX;) {
    // Most readers may read most of what is first asked for.
    const limit = examined === 0 ? query.limit : PAGE_COUNT_MAX;
    const found = await metadata.listRepositories(listQuery(after, limit));
    for (const repository of found) {
      const { name } = repository;
      if (range.end !== undefined && name >= range.end) return { repositories };
      examined++;
      after = name;
      if (range.begin !== undefined && name < range.begin) continue;
      const operation = "read";
      if (!gate.decide(principal, { on: "repository", operation, repository }).allowed) continue;
      repositories.push(repository);
      if (repositories.length === query.limit) {
        return { repositories, next: cursors.seal(listing, name) };
      }
    }
    if (found.length < limit) return { repositories };
  }
  return { repositories, next: cursors.seal(listing, after!) };
}

function listQuery(after: string | undefined, limit: number): RepositoryListQuery {
  return { limit, ...(after === undefined ? {} : { after: after as RepositoryName }) };
}

/** Names of an owner's repositories lie between `begin` and `end`. */
interface NameRange {
  /** A name that a repository could have, close before those of the owner. */
  readonly after?: string;
  readonly begin?: string;
  readonly end?: string;
}

function rangeOf(owner: string | undefined): NameRange {
  if (owner === undefined) return {};
  const after = nameBefore(owner);
  // What follows a slash in the order of characters is a zero.
  const range = { begin: `${owner}/`, end: `${owner}0` };
  return after === undefined ? range : { ...range, after };
}

/**
 * A name that sorts before all of an owner's repositories, and close to them: of the characters in
 * names only `-` and `.` come before the slash, and `z` is the last.
 */
function nameBefore(owner: string): RepositoryName | undefined {
  const room = SEGMENT_LENGTH_MAX - owner.length;
  // With no room for more, some other owners lie between; they are left out one by one.
  const before = room >= 2
    ? `${owner}.${"z".repeat(room - 1)}`
    : room === 1
    ? `${owner}-`
    : `${owner.replace(/.[.-]*$/, "")}-`;
  return before === "-"
    ? undefined
    : `${before}/${"z".repeat(SEGMENT_LENGTH_MAX)}` as RepositoryName;
}
