/**
 * Which log records are acts of somebody, and what the audit trail says of them.
 *
 * A record is an act of the trail as it is applied, so the two can not come apart: what the log
 * committed is in the trail of every node, and nothing else is.
 *
 * @module
 */

import { unreachable } from "@gitstratum/core";
import type { AuditDetails, Provenance, RepositoryId } from "@gitstratum/core/rpc";
import type { LogRecord, ReferenceUpdate } from "../log/log_record.ts";

/** An act, before it has a place. */
export interface AuditAct {
  readonly kind: string;
  readonly repositoryId: RepositoryId;
  readonly atMs: number;
  readonly provenance?: Provenance;
  readonly details: AuditDetails;
  /** Each is an entry of its own; empty for acts that change no references. */
  readonly changes: readonly ReferenceUpdate[];
}

/** What the tables say of a repository before a record is applied. */
export interface RepositoryBefore {
  readonly head: string;
  /** Whether somebody has deleted it: it is only kept for a time. */
  readonly isRemoved: boolean;
  /** Settings as they are stored. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/**
 * The act that a record is; undefined for what the server does to keep its books.
 *
 * `before` is undefined for a repository that does not exist or was deleted.
 */
export function auditActOf(
  record: LogRecord,
  before: RepositoryBefore | undefined,
): AuditAct | undefined {
  switch (record.kind) {
    case "push": {
      const { certificate, ...provenance } = record.provenance;
      const details = {
        pushId: record.pushId,
        ...(record.pushOptions.length === 0 ? {} : { pushOptions: record.pushOptions }),
        ...(certificate === undefined ? {} : { signed: true }),
      };
      const { repositoryId, atMs, updates: changes } = record;
      return { kind: "reference-updated", repositoryId, atMs, provenance, details, changes };
    }
    case "repository-created":
      return act(record, {
        objectFormat: record.objectFormat,
        head: record.head,
        ...(record.fork === undefined ? {} : { parentId: record.fork.parentId }),
      });
    case "repository-renamed":
    case "repository-restored":
      return act(record, { name: record.name });
    case "repository-removed":
      return act({ ...record, kind: "repository-deleted" }, {});
    case "repository-deleted":
      // Of an unknown id: a name that was claimed and given up, which nobody asked for.
      if (before === undefined) return undefined;
      return act({ ...record, kind: before.isRemoved ? "repository-purged" : record.kind }, {});
    case "head-changed":
      return act(record, { head: record.head, before: before?.head ?? null });
    case "settings-changed":
      return act(record, changedMembers(record.settings, before?.settings ?? {}));
    case "name-claimed":
    case "name-confirmed":
    case "name-released":
    case "name-moved":
    case "name-version-raised":
    case "name-settled":
    case "request-noted":
    case "groups-freed":
    case "deletion-finished":
    case "webhooks-told":
    case "snapshot-taken":
    case "spilled":
      return undefined;
    default:
      return unreachable(record);
  }
}

function act(
  record: {
    readonly kind: string;
    readonly repositoryId: RepositoryId;
    readonly atMs: number;
    readonly provenance?: Provenance;
  },
  details: AuditDetails,
): AuditAct {
  const { kind, repositoryId, atMs, provenance } = record;
  const by = provenance === undefined ? {} : { provenance };
  return { kind, repositoryId, atMs, ...by, details, changes: [] };
}

/** Members of settings that changed, with their values before and after; null = the default. */
function changedMembers(
  after: object,
  before: Readonly<Record<string, unknown>>,
): AuditDetails {
  const changes: Record<string, { readonly before: unknown; readonly after: unknown }> = {};
  const now = after as Readonly<Record<string, unknown>>;
  for (const name of new Set([...Object.keys(before), ...Object.keys(now)])) {
    if (JSON.stringify(before[name]) === JSON.stringify(now[name])) continue;
    changes[name] = { before: before[name] ?? null, after: now[name] ?? null };
  }
  return { settings: changes };
}
