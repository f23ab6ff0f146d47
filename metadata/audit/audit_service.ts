/**
 * The audit trail of this node's partitions, and the same over HTTP: what `AuditClient` asks.
 *
 * @module
 */

import {
  type AuditEvent,
  type AuditQuery,
  auditQuerySchema,
  type AuditTrail,
  readJson,
} from "@gitstratum/core/rpc";
import { ALL_PARTITION_NUMBERS, type PartitionTable } from "../partition/partition_table.ts";
import type { AuditReader } from "./audit_reader.ts";

/** {@link AuditTrail} over the partitions of which this node is the primary. */
export class LocalAuditTrail implements AuditTrail {
  readonly #partitions: PartitionTable;
  readonly #reader: AuditReader;

  /** Makes a trail over a node's partitions. */
  constructor(partitions: PartitionTable, reader: AuditReader) {
    this.#partitions = partitions;
    this.#reader = reader;
  }

  /**
   * {@inheritDoc AuditTrail.query}
   *
   * @throws `unavailable` when a partition is another node's
   */
  query(query: AuditQuery): Promise<readonly AuditEvent[]> {
    const { partitions = ALL_PARTITION_NUMBERS } = query;
    return this.#partitions.readAll(partitions, () => this.#reader.page(query, partitions));
  }
}

/** Answers one question of a client. @throws what the trail throws; `invalid` for a bad body */
export async function answerAudit(trail: AuditTrail, request: Request): Promise<Response> {
  return Response.json(await trail.query(await readJson(request, auditQuerySchema)));
}
