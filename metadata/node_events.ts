/**
 * What a metadata node has to do with events: it answers who did what, and tells webhooks.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import type { Clock, Logger, Random } from "@gitstratum/core";
import type { Consensus, Partition } from "@gitstratum/core/consensus";
import type { Egress } from "@gitstratum/core/egress";
import type { Metrics } from "@gitstratum/core/metrics";
import { type AuditTrail, type WebhookDeliveries, WebhookRegistry } from "@gitstratum/core/rpc";
import { AuditReader } from "./audit/audit_reader.ts";
import { LocalAuditTrail } from "./audit/audit_service.ts";
import type { PlacedRecord } from "./state/materialiser.ts";
import type { PartitionTable } from "./partition/partition_table.ts";
import { ActFeed } from "./webhooks/act_feed.ts";
import type { RetryPolicy } from "./webhooks/delivery_outcome.ts";
import { LocalDeliveries } from "./webhooks/delivery_service.ts";
import { DeliveryTable } from "./webhooks/delivery_table.ts";
import { WebhookDispatcher } from "./webhooks/webhook_dispatcher.ts";
import { WebhookMetrics } from "./webhooks/webhook_metrics.ts";
import { sweepWebhooks } from "./webhooks/webhook_sweep.ts";

/** What a node tells webhooks with. */
export interface MetadataWebhookOptions {
  /** Where the control plane keeps webhooks. */
  readonly consensus: Pick<Consensus, "get" | "range" | "transact">;
  /** The way out. */
  readonly egress: Egress;
  /** Where deliveries are counted. */
  readonly metrics?: Metrics;
  /** How often, and after how long, deliveries are tried again. */
  readonly policy?: RetryPolicy;
}

/** What a node's events stand on. */
export interface NodeEventsOptions {
  readonly partitions: PartitionTable;
  /** A connection that reads committed state. */
  readonly database: DatabaseSync;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Absent = this node tells no webhooks. */
  readonly webhooks?: MetadataWebhookOptions;
}

/** The events of a node. */
export interface NodeEvents {
  /** What was done in this node's partitions, and by whom. */
  readonly audit: AuditTrail;
  /** What webhooks were told of that. */
  readonly deliveries: WebhookDeliveries;
  /** Learns of records of a partition's log that were applied. */
  applied(partition: Partition, records: readonly PlacedRecord[]): void;
  /** Begins to tell webhooks. */
  start(): void;
  /** Stops telling them; to be called while partitions are still open. */
  stop(): Promise<void>;
}

/** Puts the events of a node together. */
export function openNodeEvents(options: NodeEventsOptions): NodeEvents {
  const { partitions, database, clock } = options;
  const table = new DeliveryTable(database);
  const dispatcher = dispatcherOf(options, table);
  return {
    audit: new LocalAuditTrail(partitions, new AuditReader(database)),
    deliveries: new LocalDeliveries({ partitions, table, clock }),
    applied: (partition, records) => dispatcher?.applied(partition, records),
    start: () => dispatcher?.start(),
    stop: () => dispatcher?.stop() ?? Promise.resolve(),
  };
}

function dispatcherOf(
  options: NodeEventsOptions,
  table: DeliveryTable,
): WebhookDispatcher | undefined {
  const { partitions, database, clock, random, logger, webhooks } = options;
  if (webhooks === undefined) return undefined;
  const { consensus, egress, metrics, policy } = webhooks;
  const registry = new WebhookRegistry(consensus);
  return new WebhookDispatcher({
    partitions,
    feed: new ActFeed(database),
    table,
    registry,
    sweep: (nowMs) => sweepWebhooks({ registry, consensus, database }, nowMs),
    egress,
    clock,
    random,
    logger,
    ...(metrics === undefined ? {} : { metrics: new WebhookMetrics(metrics) }),
    ...(policy === undefined ? {} : { policy }),
  });
}
