/**
 * What one partition still owes its webhooks: which acts were looked at, what is on its way, and what
 * the log is to be told.
 *
 * The cursor says up to where every delivery is in the log. It stands before the oldest act of which a
 * first attempt has no outcome yet; so whoever goes on from it, after a crash or on another node, makes
 * each delivery at least once.
 *
 * @module
 */

import type { Lsn } from "@gitstratum/core/consensus";
import type { WebhookDelivery, WebhookDeliveryId } from "@gitstratum/core/rpc";

/** Acts of which no webhook wanted to hear that are looked at before the log is told. */
const CURSOR_LAG_MAX = 1000;
/** Deliveries in one record of the log. */
const NOTE_COUNT_MAX = 100;

/** What the log is to be told. */
export interface OutboxNotes {
  readonly cursor: Lsn;
  readonly deliveries: readonly WebhookDelivery[];
}

/** The state of one partition's deliveries, in memory. */
export class PartitionOutbox {
  /** Acts up to here were looked at. */
  scanned: Lsn;
  #recorded: Lsn;
  /** First attempts under way, with their acts. */
  readonly #first = new Map<WebhookDeliveryId, number>();
  /** Further attempts under way. */
  readonly #again = new Set<WebhookDeliveryId>();
  #notes: WebhookDelivery[] = [];
  /** Whether notes are on their way to the log. */
  #isNoting = false;

  /** Goes on where the log says that it was. */
  constructor(cursor: Lsn) {
    this.scanned = cursor;
    this.#recorded = cursor;
  }

  /** Whether a delivery is under way, or about to be told to the log. */
  holds(id: WebhookDeliveryId): boolean {
    return this.#first.has(id) || this.#again.has(id) || this.#notes.some((note) => note.id === id);
  }

  /** An attempt begins. */
  begin({ id, lsn, attempts }: WebhookDelivery, isKnown: boolean): void {
    if (isKnown || attempts > 0) this.#again.add(id);
    else this.#first.set(id, lsn);
  }

  /** An attempt is over, or is put off: the log is to know. */
  note(delivery: WebhookDelivery): void {
    this.#first.delete(delivery.id);
    this.#again.delete(delivery.id);
    this.#notes.push(delivery);
  }

  /** An attempt is over without an outcome: it was never made. */
  drop(id: WebhookDeliveryId): void {
    this.#first.delete(id);
    this.#again.delete(id);
  }

  /** What the log is to be told now; undefined for nothing, or while it is being told. */
  take(): OutboxNotes | undefined {
    if (this.#isNoting) return undefined;
    if (this.#notes.length === 0 && this.scanned - this.#recorded < CURSOR_LAG_MAX) {
      return undefined;
    }
    this.#isNoting = true;
    const deliveries = this.#notes.slice(0, NOTE_COUNT_MAX);
    // What is not told yet holds the cursor back as if it were under way.
    const untold = this.#notes.slice(NOTE_COUNT_MAX).map(({ lsn }) => lsn);
    const oldest = Math.min(this.scanned + 1, ...this.#first.values(), ...untold);
    return { cursor: Math.max(oldest - 1, this.#recorded) as Lsn, deliveries };
  }

  /** The log was told. */
  told({ cursor, deliveries }: OutboxNotes): void {
    this.#isNoting = false;
    this.#recorded = cursor;
    this.#notes = this.#notes.slice(deliveries.length);
  }

  /** The log could not be told: it will be, with what comes meanwhile. */
  untold(): void {
    this.#isNoting = false;
  }
}
