/**
 * Pages of the repositories with which somebody may do something.
 *
 * The metadata lists all repositories in byte order of their names, and of their ids where deleted ones
 * had the same name. A page shows those that its reader
 * may see, and looks at a bounded number of others on the way, so that it may show fewer than were
 * asked for and yet not be the last.
 *
 * @module
 */

import type { Principal, RepositoryOperation } from "@gitstratum/core/access";
import type { RepositoryInfo, RepositoryListQuery, RepositoryName } from "@gitstratum/core/rpc";
import type { AccessGate } from "../access/access_gate.ts";
import { PAGE_COUNT_MAX, type PageQuery } from "./page.ts";
import type { PageCursors } from "./page_cursor.ts";

/** Repositories that one page looks at: those that stay unseen cost as much as the others. */
const EXAMINED_COUNT_MAX = 2 * PAGE_COUNT_MAX;
/** Longest part of a repository's name, in characters. */
const SEGMENT_LENGTH_MAX = 100;

/** Lists repositories in byte order of their names. */
export type RepositoryLister<Repository extends RepositoryInfo> = (
  query: RepositoryListQuery,
) => Promise<readonly Repository[]>;

/** What a listing works with. */
export interface RepositoryListingOptions<Repository extends RepositoryInfo> {
  /** Lists all. */
  readonly list: RepositoryLister<Repository>;
  /** Tells it from other listings. */
  readonly listing: string;
  /** Those are shown with which the reader may do this. */
  readonly operation: RepositoryOperation;
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
export interface RepositoryPage<Repository extends RepositoryInfo> {
  /** In byte order of their names. */
  readonly repositories: readonly Repository[];
  /** Where to go on; absent after the last. */
  readonly next?: string;
}

/**
 * One page of what somebody may see.
 *
 * @throws `invalid` for a place that no page of the same listing gave
 */
export async function repositoryPage<Repository extends RepositoryInfo>(
  query: RepositoryPageQuery,
  principal: Principal,
  options: RepositoryListingOptions<Repository>,
): Promise<RepositoryPage<Repository>> {
  const { list, operation, gate, cursors } = options;
  const { owner, limit } = query;
  const listing = `${options.listing} ${owner ?? ""}`;
  const begin = owner === undefined ? undefined : nameBefore(owner);
  const after = query.after === undefined ? begin : cursors.open(listing, query.after);
  const repositories: Repository[] = [];
  let examined = 0;
  for await (const repository of repositoriesAfter(after, list, limit)) {
    const { name } = repository;
    // What follows a slash in the order of characters is a zero.
    if (owner !== undefined && name >= `${owner}0`) break;
    const isShown = (owner === undefined || name.startsWith(`${owner}/`)) &&
      gate.decide(principal, { on: "repository", operation, repository }).allowed;
    if (isShown) repositories.push(repository);
    if (repositories.length === limit || ++examined === EXAMINED_COUNT_MAX) {
      return { repositories, next: cursors.seal(listing, `${name} ${repository.repositoryId}`) };
    }
  }
  return { repositories };
}

/** All repositories of one name, and then those after it, in order. */
export function repositoriesFrom<Repository extends RepositoryInfo>(
  name: RepositoryName,
  list: RepositoryLister<Repository>,
): AsyncGenerator<Repository> {
  // Every id comes after an empty one.
  return repositoriesAfter(`${name} `, list, PAGE_COUNT_MAX);
}

/**
 * All after a place: a name, behind a space the id of one that has it. The name need not be one that
 * anything has. The first question is for `firstCount` of them.
 */
async function* repositoriesAfter<Repository extends RepositoryInfo>(
  place: string | undefined,
  list: RepositoryLister<Repository>,
  firstCount: number,
): AsyncGenerator<Repository> {
  // Most readers may read most of what is first asked for.
  let limit = firstCount;
  let [after, afterId] = (place?.split(" ") ?? []) as [RepositoryName?, string?];
  for (;;) {
    const found = await list({
      limit,
      ...(after === undefined ? {} : { after }),
      ...(afterId === undefined ? {} : { afterId }),
    });
    yield* found;
    if (found.length < limit) return;
    ({ name: after, repositoryId: afterId } = found.at(-1)!);
    limit = PAGE_COUNT_MAX;
  }
}

/**
 * A name that sorts before all of an owner's repositories, and close to them: of the characters in
 * names only `-` and `.` come before the slash, and `z` is the last.
 */
function nameBefore(owner: string): string | undefined {
  const room = SEGMENT_LENGTH_MAX - owner.length;
  // With no room for more, some other owners lie between; they are left out one by one.
  const before = room >= 2
    ? `${owner}.${"z".repeat(room - 1)}`
    : room === 1
    ? `${owner}-`
    : `${owner.replace(/.[.-]*$/, "")}-`;
  return before === "-" ? undefined : `${before}/${"z".repeat(SEGMENT_LENGTH_MAX)}`;
}
