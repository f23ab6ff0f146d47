/**
 * Answers what is asked about who did what.
 *
 * @module
 */

import type { z } from "zod";
import { AUDIT_PAGE_COUNT_MAX } from "@gitstratum/core";
import {
  type AuditEvent,
  type AuditQuery,
  type AuditTrail,
  parseAuditEventId,
  type Provenance,
} from "@gitstratum/core/rpc";
import type { ApiHandlersOf } from "./api_handler.ts";
import type { auditEventSchema, listAuditEvents } from "./audit_operations.ts";
import type { PageCursors } from "./page_cursor.ts";
import { shownTime } from "./values.ts";

/** What they work with. */
export interface AuditHandlerOptions {
  /** Where acts are kept. */
  readonly audit: () => AuditTrail;
  /** Seals places in listings. */
  readonly cursors: PageCursors;
}

type AuditOperationId =
  | "listAuditEvents"
  | "listRepositoryAuditEvents"
  | "listOwnerAuditEvents";

type Query = z.output<typeof listAuditEvents.shapes.query>;
type Page = z.output<typeof listAuditEvents.shapes.answer>;

/** The handlers. */
export function auditHandlers(options: AuditHandlerOptions): ApiHandlersOf<AuditOperationId> {
  return {
    listAuditEvents: ({ query }) => auditPage(query, {}, options),
    listRepositoryAuditEvents: ({ query, repository: { repositoryId } }) =>
      auditPage(query, { repositoryId }, options),
    listOwnerAuditEvents: ({ query, path: { owner } }) => auditPage(query, { owner }, options),
  };
}

async function auditPage(
  query: Query,
  about: Pick<AuditQuery, "repositoryId" | "owner">,
  { audit, cursors }: AuditHandlerOptions,
): Promise<Page> {
  const { user, since, until, after } = query;
  const limit = Math.min(query.limit, AUDIT_PAGE_COUNT_MAX);
  const listing = `audit ${about.repositoryId ?? ""} ${about.owner ?? ""}`;
  const found = await audit().query({
    ...about,
    limit,
    ...(user === undefined ? {} : { user }),
    ...(since === undefined ? {} : { sinceMs: since }),
    ...(until === undefined ? {} : { untilMs: until }),
    ...(after === undefined ? {} : { before: parseAuditEventId(cursors.open(listing, after)) }),
  });
  const last = found.length === limit ? found.at(-1) : undefined;
  return {
    events: found.map(shownEvent),
    ...(last === undefined ? {} : { next: cursors.seal(listing, last.id) }),
  };
}

function shownEvent(event: AuditEvent): z.output<typeof auditEventSchema> {
  const { id, atMs, kind, repository, owner, provenance, details } = event;
  return {
    id,
    at: shownTime(atMs),
    kind,
    ...(repository === undefined ? {} : { repository }),
    ...(owner === undefined ? {} : { owner }),
    ...(provenance === undefined ? {} : { by: shownActor(provenance) }),
    details,
  };
}

/** Who did it; the certificate of a signed push is long, and stays in the log. */
function shownActor(provenance: Provenance) {
  const { certificate: _, atMs: __, ...by } = provenance;
  return by;
}
