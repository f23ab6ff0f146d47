/**
 * What was done, by whom: an entry of the audit trail, and how to ask for entries.
 *
 * Entries are in one order everywhere: by the wall time at which they were decided, then by where they
 * are kept. An entry's id spells that order, so an id is all that a page needs to go on from.
 *
 * @module
 */

import { z } from "zod";
import type { Partition } from "../../consensus/log.ts";
import { GitStratumError } from "../../error.ts";
import { AUDIT_PAGE_COUNT_MAX, PARTITION_COUNT } from "../../limits.ts";
import { parseRepositoryId, type RepositoryId } from "../ids.ts";
import { type Provenance, provenanceSchema } from "../metadata/provenance.ts";

/** Names an entry: time, source, number in the source, position; ids sort as their entries do. */
export type AuditEventId = string & { readonly __brand: "AuditEventId" };

/** Facts of an act: short texts, numbers, lists of those. */
export type AuditDetails = Readonly<Record<string, unknown>>;

/** One act. */
export interface AuditEvent {
  /** Names the entry. */
  readonly id: AuditEventId;
  /** Wall time in milliseconds at which it was decided. */
  readonly atMs: number;
  /** What was done, e.g. `reference-updated`, `repository-deleted`, `token-created`. */
  readonly kind: string;
  /** The repository that it was done to, under its name of that time. */
  readonly repository?: { readonly id: RepositoryId; readonly name: string };
  /** Whose that is: the first part of the repository's name, or the account. */
  readonly owner?: string;
  /** Who did it; absent where nobody asked for it, and in logs of earlier releases. */
  readonly provenance?: Provenance;
  /** What else is known, by kind (docs/events.md). */
  readonly details: AuditDetails;
}

/** Which entries to answer. Conditions add up. */
export interface AuditQuery {
  /** Acts on this repository. */
  readonly repositoryId?: RepositoryId;
  /** Acts on this owner's repositories, or on this account. */
  readonly owner?: string;
  /** Acts of this user. */
  readonly user?: string;
  /** Not older than this wall time in milliseconds. */
  readonly sinceMs?: number;
  /** Older than this wall time in milliseconds. */
  readonly untilMs?: number;
  /** Entries that come before this one in time: the last one of the page before. */
  readonly before?: AuditEventId;
  /** At most so many. */
  readonly limit: number;
  /** Only what these partitions keep; all when absent. */
  readonly partitions?: readonly Partition[];
}

/** Where acts are kept. */
export interface AuditTrail {
  /** Entries, the newest first. A page that is not full is the last. */
  query(query: AuditQuery): Promise<readonly AuditEvent[]>;
}

/** A place within one source. */
export interface AuditPlace {
  /** Wall time in milliseconds. */
  readonly atMs: number;
  /** A partition's number, or what is beyond all of them. */
  readonly source: number;
  /** Lsn, or another number that grows with time. */
  readonly number: number;
  /** Which of the changes of one act. */
  readonly position: number;
}

/** The source of acts on accounts, which no partition keeps. */
export const ACCOUNT_AUDIT_SOURCE: number = PARTITION_COUNT;

const ID = /^([0-9]{15})-([0-9]{4})-([0-9]{16})-([0-9]{7})$/;

/** Spells a place as an id. */
export function auditEventId(place: AuditPlace): AuditEventId {
  const digits = (value: number, length: number) => String(value).padStart(length, "0");
  return [
    digits(place.atMs, 15),
    digits(place.source, 4),
    digits(place.number, 16),
    digits(place.position, 7),
  ].join("-") as AuditEventId;
}

/** Checks an id. @throws `invalid` */
export function parseAuditEventId(text: string): AuditEventId {
  if (ID.test(text)) return text as AuditEventId;
  throw new GitStratumError("invalid", "Expect the id of an audit entry", {
    data: { found: text.slice(0, 80) },
  });
}

/** The place that an id spells. */
export function auditPlaceOf(id: AuditEventId): AuditPlace {
  const [, atMs, source, number, position] = ID.exec(id) ?? [];
  return {
    atMs: Number(atMs),
    source: Number(source),
    number: Number(number),
    position: Number(position),
  };
}

const eventId = z.string().regex(ID).transform((text) => text as AuditEventId);
const repositoryId = z.string().regex(/^[0-9a-f]{32}$/).transform(parseRepositoryId);
const time = z.number().int().nonnegative();
const name = z.string().min(1).max(256);

/** Schema of {@link AuditQuery}. */
export const auditQuerySchema: z.ZodType<AuditQuery> = z.object({
  repositoryId: repositoryId.optional(),
  owner: name.optional(),
  user: name.optional(),
  sinceMs: time.optional(),
  untilMs: time.optional(),
  before: eventId.optional(),
  limit: z.number().int().min(1).max(AUDIT_PAGE_COUNT_MAX),
  partitions: z.array(z.number().int().min(0).max(PARTITION_COUNT - 1)).max(PARTITION_COUNT)
    .optional(),
}) as unknown as z.ZodType<AuditQuery>;

/** Schema of {@link AuditEvent}. */
export const auditEventSchema: z.ZodType<AuditEvent> = z.object({
  id: eventId,
  atMs: time,
  kind: z.string().min(1).max(64),
  repository: z.object({ id: repositoryId, name }).optional(),
  owner: name.optional(),
  provenance: provenanceSchema.optional(),
  details: z.record(z.string(), z.unknown()),
}) as unknown as z.ZodType<AuditEvent>;

/** Schema of a page. */
export const auditPageSchema: z.ZodType<readonly AuditEvent[]> = z.array(auditEventSchema);

/** The first entries of several newest-first pages, newest first. */
export function mergedAuditPages(
  pages: readonly (readonly AuditEvent[])[],
  limit: number,
): readonly AuditEvent[] {
  return pages.flat().sort((a, b) => a.id > b.id ? -1 : 1).slice(0, limit);
}
