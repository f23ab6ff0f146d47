/**
 * One listing out of the listings of many nodes.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { ExtentId, NodeId } from "@gitstratum/core/rpc";
import { nextTurn } from "../pace.ts";
import type { ReplicaRecord } from "./replica_record.ts";

/** Records of one page: they are read and judged in one turn, some milliseconds. */
const RECORD_PAGE_COUNT = 1024;

/** A page of a listing. */
export interface ListPage {
  /** Ids greater than this. */
  readonly after?: ExtentId;
  /** Records at most. */
  readonly limit: number;
}

/** What to list. */
export interface MergedListing extends ListPage {
  /** Who is asked. */
  readonly nodes: readonly NodeId[];
  /** So many of them may be away without a durable extent being missed. */
  readonly absentCountMax: number;
  /** Asks a node for a page. */
  readonly page: (node: NodeId, page: ListPage) => Promise<readonly ReplicaRecord[]>;
  /** Records in each node's page. */
  readonly pageCount: number;
}

/**
 * Living extents in order of id, each by the newest that any node knows of it.
 *
 * @throws `unavailable` when too many nodes are away
 */
export async function listMerged(listing: MergedListing): Promise<ReplicaRecord[]> {
  const found: ReplicaRecord[] = [];
  let after = listing.after;
  while (found.length < listing.limit) {
    const limit = Math.max(1, listing.pageCount);
    const pages = await readPages(listing, { limit, ...(after === undefined ? {} : { after }) });
    // Beyond the end of the shortest full page some node has not told everything yet.
    const ends = pages.filter((page) => page.length >= limit).map((page) => page.at(-1)!.id);
    const end = ends.toSorted()[0];
    const told = newest(pages.flat().filter(({ id }) => end === undefined || id <= end));
    found.push(...told.filter(({ kind }) => kind === "living"));
    if (end === undefined) break;
    after = end;
  }
  return found.slice(0, listing.limit);
}

async function readPages(
  { nodes, absentCountMax, page }: MergedListing,
  wanted: ListPage,
): Promise<(readonly ReplicaRecord[])[]> {
  const outcomes = await Promise.allSettled(nodes.map((node) => page(node, wanted)));
  const pages = outcomes.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  if (pages.length > 0 && nodes.length - pages.length <= absentCountMax) return pages;
  throw new GitStratumError("unavailable", "Reach too few nodes for a listing", {
    data: { wanted: nodes.length - absentCountMax, found: pages.length },
  });
}

/** The greatest version of each id, in order of id. */
function newest(records: readonly ReplicaRecord[]): ReplicaRecord[] {
  const byId = new Map<ExtentId, ReplicaRecord>();
  for (const record of records) {
    const known = byId.get(record.id);
    if (known === undefined || known.version < record.version) byId.set(record.id, record);
  }
  return [...byId.values()].sort((a, b) => a.id < b.id ? -1 : 1);
}

/** Everything of a listing that `keep` wants, page by page, each in its own turn. */
export async function listRecords(
  page: (page: ListPage) => Promise<readonly ReplicaRecord[]>,
  keep: (record: ReplicaRecord) => boolean = () => true,
): Promise<ReplicaRecord[]> {
  const found: ReplicaRecord[] = [];
  let after: ExtentId | undefined;
  for (;;) {
    const limit = RECORD_PAGE_COUNT;
    const next = await page({ limit, ...(after === undefined ? {} : { after }) });
    for (const record of next) if (keep(record)) found.push(record);
    if (next.length < limit) return found;
    after = next.at(-1)!.id;
    await nextTurn();
  }
}
