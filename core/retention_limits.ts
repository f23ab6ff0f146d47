/**
 * How long things are kept that nothing needs any more, as far as is known: see `limits.ts` for all
 * other limits.
 *
 * @module
 */

import { assert } from "./assert.ts";

/** Former values of references count as reachable for this long (races, undo). */
export const FORMER_REFERENCE_GRACE_MS = 24 * 3600 * 1000;
/** Entries kept in a partition's log after they were materialised durably. */
export const LOG_KEEP_ENTRY_COUNT = 1024;
/** Outcomes of pushes are kept this long, for callers who ask again with the same push id. */
export const PUSH_OUTCOME_KEEP_MS = 24 * 3600 * 1000;
/** Extents of a push that never committed are swept after this long. */
export const ORPHAN_GRACE_MS = 24 * 3600 * 1000;
/** From a push's first extent to its commit: half of the grace, so that no sweep meets a commit. */
export const PUSH_DURATION_MS_MAX = ORPHAN_GRACE_MS / 2;
/** A push that says that its extents are no older is believed: far from a sweep, however clocks differ. */
export const FRESH_INDEX_MS_MAX = 10 * 60 * 1000;
/** A clock that went ahead is believed after so long by who takes away what nobody can give back. */
export const CLOCK_BELIEF_MS = 3600 * 1000;
/** Packs of deleted repositories are kept this long for fetches that still run. */
export const FREED_GROUP_GRACE_MS = 10 * 60 * 1000;
/** A deleted repository can be restored for so long: people come back from their week-end. */
export const DELETED_REPOSITORY_GRACE_MS = 7 * 24 * 3600 * 1000;
/** The old name of a repository leads to it for so long, unless another one takes the name. */
export const MOVED_NAME_GRACE_MS = 90 * 24 * 3600 * 1000;
/** Packs that nobody reaches are removed when nobody did for so long: pushes are decided in minutes. */
export const UNREACHED_GROUP_GRACE_MS = 3600 * 1000;
/** Repositories of a network whose reach is looked through for packs that none needs. */
export const COLLECTED_REPOSITORY_COUNT_MAX = 256;
/** Groups that one log entry frees: at 35 bytes each. */
export const FREED_GROUP_COUNT_MAX = 1000;
/** A name claimed for longer without a repository behind it belongs to a creator that crashed. */
export const NAME_CLAIM_GRACE_MS = 60 * 1000;
/** Deliveries that were made or given up are listed, and can be repeated, for so long. */
export const WEBHOOK_DELIVERY_KEEP_MS = 7 * 24 * 3600 * 1000;
/** Deliveries that a partition keeps after their end: they are a part of each of its snapshots. */
export const WEBHOOK_DONE_COUNT_MAX = 10_000;
/** Entries of the audit trail are kept this long unless configured otherwise. */
export const AUDIT_KEEP_MS = 90 * 24 * 3600 * 1000;
/** Rows of it that a partition keeps at most: they are a part of each of its snapshots. */
export const AUDIT_ROW_COUNT_MAX = 100_000;

assert(FRESH_INDEX_MS_MAX < PUSH_DURATION_MS_MAX, "A push that is believed is not late");
assert(PUSH_DURATION_MS_MAX < ORPHAN_GRACE_MS, "No sweep meets a push that may be committed");
