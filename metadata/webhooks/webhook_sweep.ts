/**
 * Removes webhooks of repositories that are gone for good: nobody can name them any more.
 *
 * Any node that has the repository in its tables may do it; the store takes one removal. A day passes
 * first, in which the last deliveries are made and tried again.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import type { Consensus } from "@gitstratum/core/consensus";
import {
  type RepositoryId,
  WEBHOOK_HEAD_KEY,
  webhookKey,
  type WebhookRegistry,
} from "@gitstratum/core/rpc";
import { Statements } from "../state/statements.ts";

/** How long a webhook outlives its repository, in milliseconds. */
const GRACE_MS = 24 * 3600 * 1000;

/** What a sweep stands on. */
export interface WebhookSweepOptions {
  readonly registry: WebhookRegistry;
  readonly consensus: Pick<Consensus, "transact">;
  /** A connection that does not write. */
  readonly database: DatabaseSync;
}

/** Rounds of one sweep: each removes one webhook, or loses to somebody else who changes some. */
const ROUND_COUNT_MAX = 1000;

/** Removes what is due at a wall time; answers how many webhooks that were. */
export async function sweepWebhooks(options: WebhookSweepOptions, nowMs: number): Promise<number> {
  const { registry, consensus, database } = options;
  const sql = new Statements(database);
  let count = 0;
  for (let round = 0; round < ROUND_COUNT_MAX; round++) {
    const { headRevision, webhooks } = await registry.current();
    const gone = webhooks.find(({ target }) =>
      target.kind === "repository" && isGone(sql, target.repositoryId, nowMs - GRACE_MS)
    );
    if (gone === undefined) break;
    const key = WEBHOOK_HEAD_KEY;
    const { succeeded } = await consensus.transact({
      compares: [{ key, target: "modRevision", operator: "=", value: headRevision }],
      then: [
        { kind: "put", key, value: new TextEncoder().encode("{}") },
        { kind: "delete", key: webhookKey(gone.id) },
      ],
    });
    if (succeeded) count++;
  }
  return count;
}

/** Whether a repository was deleted for good before a wall time, as far as is known here. */
function isGone(sql: Statements, id: RepositoryId, beforeMs: number): boolean {
  const row = sql.get(
    "SELECT 1 FROM repositories WHERE repository = ? AND deleted_at_ms <= ?",
    id,
    beforeMs,
  );
  return row !== undefined;
}
