/**
 * The audit trail of what no partition keeps: accounts, grants, webhooks.
 *
 * An entry is put by the transaction that makes the change, so the two can not come apart. Its key
 * begins with what is left of time, so that a plain range read gives the newest first:
 *
 * | key | value |
 * | --- | --- |
 * | `audit/ID` | an entry; in the id of the key each digit d is 9 - d |
 *
 * The same transaction forgets what has had its time, so that nobody has to tidy up.
 *
 * @module
 */

import { AUDIT_KEEP_MS, type Clock, type Random } from "@gitstratum/core";
import { type Change, type Consensus, prefixRange } from "@gitstratum/core/consensus";
import {
  ACCOUNT_AUDIT_SOURCE,
  type AuditDetails,
  type AuditEvent,
  auditEventId,
  auditEventSchema,
  type AuditQuery,
  type AuditTrail,
  type Provenance,
} from "@gitstratum/core/rpc";
import { decodeJson, encodeJson } from "../stored_json.ts";

/** What somebody did. */
export interface AccountAct {
  /** E.g. `user-created`. */
  readonly kind: string;
  /** The account, or the owner of what it was done to. */
  readonly owner?: string;
  /** Who. */
  readonly provenance?: Provenance | undefined;
  /** Facts; never a secret. */
  readonly details: AuditDetails;
}

const PREFIX = "audit/";
/** Entries read at once, of which a query may want few. */
const READ_COUNT = 1000;
/** Entries that one query looks at; one that wants rarer ones narrows the time. */
const LOOK_COUNT_MAX = 200_000;

/** Writes and reads the trail of the control plane. */
export class AccountAudit implements AuditTrail {
  readonly #options: {
    readonly consensus: Pick<Consensus, "range">;
    readonly clock: Pick<Clock, "nowMs">;
    readonly random: Random;
    readonly keepMs?: number;
  };

  /** Keeps the trail in a store. Entries are kept `AUDIT_KEEP_MS` unless told. */
  constructor(options: {
    readonly consensus: Pick<Consensus, "range">;
    readonly clock: Pick<Clock, "nowMs">;
    readonly random: Random;
    readonly keepMs?: number;
  }) {
    this.#options = options;
  }

  /** Changes for the transaction that does what the acts say: two, and one more for each further act. */
  changes(acts: readonly AccountAct[]): readonly Change[] {
    if (acts.length === 0) return [];
    const { clock, random, keepMs = AUDIT_KEEP_MS } = this.#options;
    const atMs = Math.floor(clock.nowMs());
    const puts = acts.map(({ kind, owner, provenance, details }): Change => {
      const id = auditEventId({
        atMs,
        source: ACCOUNT_AUDIT_SOURCE,
        // Within a millisecond the order is a lot's; what matters is that no two are one.
        number: lot(random),
        position: 0,
      });
      const event: AuditEvent = {
        id,
        atMs,
        kind,
        ...(owner === undefined ? {} : { owner }),
        ...(provenance === undefined ? {} : { provenance }),
        details,
      };
      return { kind: "put", key: PREFIX + mirrored(id), value: encodeJson(event) };
    });
    const gone = { atMs: Math.max(atMs - keepMs, 0), source: 0, number: 0, position: 0 };
    const { to } = prefixRange(PREFIX);
    return [
      ...puts,
      { kind: "deleteRange", from: PREFIX + mirrored(auditEventId(gone)), to },
    ];
  }

  /** {@inheritDoc AuditTrail.query} */
  async query(query: AuditQuery): Promise<readonly AuditEvent[]> {
    // What is asked of partitions is not here.
    if (query.partitions !== undefined) return [];
    const found: AuditEvent[] = [];
    const range = prefixRange(PREFIX);
    let from = query.before === undefined ? range.from : after(PREFIX + mirrored(query.before));
    for (let looked = 0; looked < LOOK_COUNT_MAX; looked += READ_COUNT) {
      const { entries, more } = await this.#options.consensus.range(
        { from, to: range.to },
        { limit: READ_COUNT },
      );
      for (const entry of entries) {
        const event = decodeJson(entry, auditEventSchema);
        if (query.sinceMs !== undefined && event.atMs < query.sinceMs) return found;
        if (isWanted(event, query)) found.push(event);
        if (found.length === query.limit) return found;
      }
      if (!more) return found;
      from = after(entries.at(-1)!.key);
    }
    return found;
  }
}

/** A key after one and before the next: keys are all of one length. */
function after(key: string): string {
  return `${key}~`;
}

function isWanted(event: AuditEvent, query: AuditQuery): boolean {
  if (query.owner !== undefined && event.owner !== query.owner) return false;
  if (query.user !== undefined && event.provenance?.user !== query.user) return false;
  const { repositoryId } = query;
  if (repositoryId !== undefined && !repositoriesOf(event.details).includes(repositoryId)) {
    return false;
  }
  return query.untilMs === undefined || event.atMs < query.untilMs;
}

/** Repositories that an act's facts name: of deploy keys, grants, trusts and webhooks. */
function repositoriesOf({ repository, target }: AuditDetails): readonly unknown[] {
  const targets = (target ?? {}) as {
    readonly repository?: unknown;
    readonly repositoryId?: unknown;
  };
  return [repository, targets.repository, targets.repositoryId];
}

function mirrored(id: string): string {
  return id.replace(/[0-9]/g, (digit) => String(9 - Number(digit)));
}

/** A number of 15 digits. */
function lot(random: Random): number {
  const bytes = random.bytes(6);
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}
