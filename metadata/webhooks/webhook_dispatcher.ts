/**
 * Tells webhooks of what the log committed: for the partitions of which this node is the primary.
 *
 * It follows the acts of the audit trail behind the commit, never inside a push. Outcomes go to the
 * partition's own log, so they are fenced and replicated like everything else, and whoever is the
 * primary next goes on from there.
 *
 * Invariants:
 * - Every act that was committed after a webhook was made, and that it wants to hear of, is delivered at
 *   least once or ends as dead. The webhooks are read after the acts, linearizably, so none is missed.
 * - An act is delivered by the primary of its partition only. One that was replaced can not tell the
 *   log any more; what it had sent is sent again, under the same id.
 * - A host that is slow or fails holds up neither pushes nor other hosts, and no memory beyond bounds:
 *   what finds no room waits in the tables.
 *
 * @module
 */

import {
  type Clock,
  hasCode,
  type Logger,
  type Random,
  WAIT_IS_OVER,
  WEBHOOK_ANSWER_BYTES_MAX,
  WEBHOOK_ATTEMPT_MS_MAX,
  WEBHOOK_CLOCK_SKEW_MS,
  WEBHOOK_FLIGHT_COUNT_MAX,
  WEBHOOK_HOST_CONCURRENCY_MAX,
  WEBHOOK_HOST_QUEUE_COUNT_MAX,
  WEBHOOK_WAITING_COUNT_MAX,
} from "@gitstratum/core";
import type { Partition } from "@gitstratum/core/consensus";
import type { Egress } from "@gitstratum/core/egress";
import {
  type SecretWebhook,
  type WebhookDelivery,
  webhookDeliveryId,
  type WebhookId,
  type WebhookRegistry,
  type WebhookSet,
} from "@gitstratum/core/rpc";
import type { PlacedRecord } from "../state/materialiser.ts";
import type { PartitionPrimary } from "../partition/partition_primary.ts";
import type { PartitionTable } from "../partition/partition_table.ts";
import type { ActFeed, FedAct } from "./act_feed.ts";
import {
  afterAttempt,
  type AttemptOutcome,
  DEFAULT_RETRY_POLICY,
  retryPauseMs,
  type RetryPolicy,
} from "./delivery_outcome.ts";
import type { DeliveryTable } from "./delivery_table.ts";
import { HostLanes } from "./host_lanes.ts";
import { PartitionOutbox } from "./partition_outbox.ts";
import type { WebhookMetrics } from "./webhook_metrics.ts";
import { webhookBody, webhookMessage } from "./webhook_payload.ts";

/** What a dispatcher stands on. */
export interface WebhookDispatcherOptions {
  readonly partitions: PartitionTable;
  readonly feed: ActFeed;
  readonly table: DeliveryTable;
  readonly registry: WebhookRegistry;
  /** Removes webhooks that nobody can name any more, at a wall time. */
  readonly sweep: (nowMs: number) => Promise<unknown>;
  readonly egress: Egress;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics?: WebhookMetrics;
  /** `DEFAULT_RETRY_POLICY` unless told. */
  readonly policy?: RetryPolicy;
}

/** Acts looked at in one go. */
const SCAN_COUNT = 100;
/** Rounds come no faster than this, and no slower than that. */
const ROUND_MS_MIN = 50;
const ROUND_MS_MAX = 1000;
/** After a round that left nothing over: each asks the store for webhooks, while pushes are many. */
const REST_MS = 250;
/** Webhooks of repositories that are gone are looked for this often. */
const SWEEP_MS = 60 * 1000;

interface Held {
  readonly primary: PartitionPrimary;
  readonly outbox: PartitionOutbox;
}

/** Looks for acts and makes deliveries, from {@link start} to {@link stop}. */
export class WebhookDispatcher {
  readonly #options: WebhookDispatcherOptions;
  readonly #policy: RetryPolicy;
  readonly #held = new Map<Partition, Held>();
  /** Partitions with acts that were not looked at. */
  readonly #dirty = new Set<Partition>();
  readonly #lanes = new HostLanes({
    concurrencyMax: WEBHOOK_HOST_CONCURRENCY_MAX,
    queueCountMax: WEBHOOK_HOST_QUEUE_COUNT_MAX,
    countMax: WEBHOOK_FLIGHT_COUNT_MAX,
  });
  readonly #stop = new AbortController();
  readonly #notes = new Set<Promise<void>>();
  #sweptMs: number;
  #wake = Promise.withResolvers<void>();
  #loop: Promise<void> = Promise.resolve();

  /** Makes a dispatcher that does nothing yet. */
  constructor(options: WebhookDispatcherOptions) {
    this.#options = options;
    this.#policy = options.policy ?? DEFAULT_RETRY_POLICY;
    this.#sweptMs = options.clock.monotonicMs();
    options.metrics?.watch(() => this.#lanes.count);
  }

  /** Begins. */
  start(): void {
    this.#loop = this.#run();
  }

  /** Cuts deliveries short, which will be made again, and tells the log what is known. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake.resolve();
    await this.#loop;
    await Promise.all(this.#notes);
    for (const [partition, held] of this.#held) this.#note(partition, held);
    await Promise.all(this.#notes);
  }

  /** Learns of records of a partition's log that were applied. */
  applied(partition: Partition, records: readonly PlacedRecord[]): void {
    // Those of partitions that are not held are looked at when they come to be.
    if (!this.#held.has(partition)) return;
    if (records.some(({ record }) => record.kind !== "webhooks-told")) this.#dirty.add(partition);
    this.#wake.resolve();
  }

  async #run(): Promise<void> {
    const { logger } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#wake = Promise.withResolvers();
      let hasLooked = false;
      try {
        hasLooked = await this.#round();
      } catch (error) {
        logger.warn("Fail a round of webhooks", { reason: String(error) });
      }
      await this.#pause(hasLooked && this.#dirty.size === 0 ? REST_MS : ROUND_MS_MIN);
    }
  }

  /** Waits for something to do: so long at least, and no longer than to the next round. */
  async #pause(leastMs: number): Promise<void> {
    const { clock } = this.#options;
    const over = new AbortController();
    const stop = () => over.abort();
    this.#stop.signal.addEventListener("abort", stop, { once: true });
    try {
      if (this.#stop.signal.aborted) return;
      await clock.sleep(leastMs, over.signal);
      const rest = clock.sleep(ROUND_MS_MAX - leastMs, over.signal);
      // Whichever comes second is cut short below.
      rest.catch(() => undefined);
      await Promise.race([rest, this.#wake.promise]);
    } catch {
      // The sleep is cut short by stop().
    } finally {
      this.#stop.signal.removeEventListener("abort", stop);
      over.abort(WAIT_IS_OVER);
    }
  }

  /** Looks at everything once; answers whether webhooks were read for it. */
  async #round(): Promise<boolean> {
    const { registry, table, clock } = this.#options;
    this.#adapt();
    const waiting = table.waitingWebhooks(clock.nowMs());
    const looks = this.#dirty.size > 0 || waiting.length > 0;
    if (looks) {
      const dirty = [...this.#dirty];
      this.#dirty.clear();
      let known: WebhookSet;
      try {
        known = await registry.current();
      } catch (error) {
        for (const partition of dirty) this.#dirty.add(partition);
        throw error;
      }
      for (const partition of dirty) this.#scan(partition, known.webhooks);
      this.#retry(waiting, known.webhooks);
    }
    for (const [partition, held] of this.#held) this.#note(partition, held);
    if (clock.monotonicMs() - this.#sweptMs < SWEEP_MS) return looks;
    this.#sweptMs = clock.monotonicMs();
    await this.#options.sweep(clock.nowMs());
    return looks;
  }

  /** Takes up partitions that this node became the primary of, and lets go of others. */
  #adapt(): void {
    const opened = new Map(this.#options.partitions.opened());
    for (const [partition, { primary }] of this.#held) {
      if (opened.get(partition) !== primary) this.#held.delete(partition);
    }
    for (const [partition, primary] of opened) {
      if (this.#held.has(partition)) continue;
      const outbox = new PartitionOutbox(this.#options.table.cursor(partition));
      this.#held.set(partition, { primary, outbox });
      this.#dirty.add(partition);
    }
  }

  /** Begins deliveries of acts that were not looked at, as far as there is room. */
  #scan(partition: Partition, webhooks: readonly SecretWebhook[]): void {
    const held = this.#held.get(partition);
    const active = webhooks.filter((webhook) => webhook.active);
    // With nobody to tell, the acts need no looking at: those to come look back no further than to
    // their own making.
    if (held === undefined || active.length === 0) return;
    const { outbox } = held;
    const sinceMs = Math.min(...active.map(({ createdAtMs }) => createdAtMs)) -
      WEBHOOK_CLOCK_SKEW_MS;
    const options = { sinceMs, limit: SCAN_COUNT };
    const acts = this.#options.feed.after(partition, outbox.scanned, options);
    for (const act of acts) {
      if (!this.#tell(act, active, outbox)) return void this.#dirty.add(partition);
      outbox.scanned = act.lsn;
    }
    if (acts.length === SCAN_COUNT) this.#dirty.add(partition);
  }

  /** Begins the deliveries of one act; false when there is no room in memory. */
  #tell(act: FedAct, webhooks: readonly SecretWebhook[], outbox: PartitionOutbox): boolean {
    const { table } = this.#options;
    for (const webhook of webhooks) {
      if (!isFor(webhook, act)) continue;
      for (const event of act.events.filter((name) => webhook.events.includes(name))) {
        const id = webhookDeliveryId({ ...act, event }, webhook.id);
        if (outbox.holds(id) || table.find(id) !== undefined) continue;
        if (this.#lanes.count >= WEBHOOK_FLIGHT_COUNT_MAX) return false;
        const first: WebhookDelivery = {
          id,
          webhookId: webhook.id,
          event,
          lsn: act.lsn,
          eventAtMs: act.atMs,
          state: "waiting",
          attempts: 0,
        };
        if (this.#begin(first, webhook, { outbox, act })) continue;
        outbox.note(this.#putOff(first));
      }
    }
    return true;
  }

  /** A delivery for which its host has no room now. */
  #putOff(delivery: WebhookDelivery): WebhookDelivery {
    const { table, clock, random } = this.#options;
    const nowMs = Math.floor(clock.nowMs());
    if (table.waitingCount(delivery.webhookId) >= WEBHOOK_WAITING_COUNT_MAX) {
      const reason = "Too many deliveries wait for this webhook";
      return { ...delivery, state: "dead", lastAtMs: nowMs, reason };
    }
    const pauseMs = retryPauseMs(1, { policy: this.#policy, random });
    return { ...delivery, nextAtMs: nowMs + pauseMs };
  }

  /** Begins further attempts at what is due. */
  #retry(waiting: readonly WebhookId[], webhooks: readonly SecretWebhook[]): void {
    const { table, clock, feed } = this.#options;
    const partitions = [...this.#held.keys()];
    const nowMs = clock.nowMs();
    for (const webhookId of waiting) {
      const webhook = webhooks.find(({ id }) => id === webhookId);
      const limit = webhook === undefined ? SCAN_COUNT : this.#lanes.room(hostOf(webhook));
      for (const delivery of table.due(webhookId, { nowMs, partitions, limit })) {
        const partition = Number.parseInt(delivery.id.slice(0, 4), 16) as Partition;
        const outbox = this.#held.get(partition)?.outbox;
        if (outbox === undefined || outbox.holds(delivery.id)) continue;
        const act = feed.find(partition, delivery.lsn);
        if (webhook?.active === true && act !== undefined) {
          this.#begin(delivery, webhook, { outbox, act, isKnown: true });
          continue;
        }
        const reason = act === undefined
          ? "The act is kept no longer"
          : "The webhook is gone or off";
        const { nextAtMs: _, ...rest } = delivery;
        outbox.note({ ...rest, state: "dead", lastAtMs: Math.floor(nowMs), reason });
      }
    }
  }

  /** Begins an attempt, if its host has room. */
  #begin(
    delivery: WebhookDelivery,
    webhook: SecretWebhook,
    of: { readonly outbox: PartitionOutbox; readonly act: FedAct; readonly isKnown?: boolean },
  ): boolean {
    const host = hostOf(webhook);
    if (this.#lanes.room(host) === 0) return false;
    of.outbox.begin(delivery, of.isKnown ?? false);
    this.#lanes.add(host, async () => {
      const outcome = await this.#attempt(delivery, webhook, of.act);
      if (outcome === undefined) return of.outbox.drop(delivery.id);
      const { clock, random, metrics } = this.#options;
      const context = { nowMs: clock.nowMs(), random, policy: this.#policy };
      const after = afterAttempt(delivery, outcome, context);
      metrics?.attempted(after.state);
      of.outbox.note(after);
      this.#wake.resolve();
    });
    return true;
  }

  /** Makes one attempt; undefined when the dispatcher stops meanwhile. Never throws. */
  async #attempt(
    delivery: WebhookDelivery,
    webhook: SecretWebhook,
    act: FedAct,
  ): Promise<AttemptOutcome | undefined> {
    const { clock, egress, feed, metrics } = this.#options;
    if (this.#stop.signal.aborted) return undefined;
    const over = new AbortController();
    const cut = () => over.abort();
    this.#stop.signal.addEventListener("abort", cut, { once: true });
    const late = clock.sleep(WEBHOOK_ATTEMPT_MS_MAX, over.signal).then(cut, () => undefined);
    const startMs = clock.monotonicMs();
    try {
      const body = webhookBody(act, delivery.event, feed.changes(act, delivery.event));
      const { status } = await egress.post({
        url: webhook.url,
        ...webhookMessage(webhook, delivery, body),
        answerBytesMax: WEBHOOK_ANSWER_BYTES_MAX,
        signal: over.signal,
      });
      return { kind: "answered", status };
    } catch (error) {
      if (this.#stop.signal.aborted) return undefined;
      return failureOf(error);
    } finally {
      this.#stop.signal.removeEventListener("abort", cut);
      over.abort();
      await late;
      metrics?.lasted((clock.monotonicMs() - startMs) / 1000);
    }
  }

  /** Tells the log of outcomes, in the background. */
  #note(partition: Partition, { primary, outbox }: Held): void {
    const notes = outbox.take();
    if (notes === undefined) return;
    const record = { kind: "webhooks-told", ...notes } as const;
    const noting = primary.submit(() => ({ records: [record], answer: undefined })).then(
      () => outbox.told(notes),
      (error) => {
        outbox.untold();
        // A partition that went elsewhere is told by its new primary, which delivers again.
        if (hasCode(error, "unavailable") || hasCode(error, "aborted")) return;
        this.#options.logger.warn("Fail to note what webhooks were told", {
          partition,
          reason: String(error),
        });
      },
    ).finally(() => {
      this.#notes.delete(noting);
    });
    this.#notes.add(noting);
  }
}

function isFor(webhook: SecretWebhook, act: FedAct): boolean {
  if (act.atMs < webhook.createdAtMs - WEBHOOK_CLOCK_SKEW_MS) return false;
  const { target } = webhook;
  return target.kind === "owner"
    ? target.owner === act.owner
    : target.repositoryId === act.repositoryId;
}

function hostOf(webhook: SecretWebhook): string {
  return new URL(webhook.url).host;
}

/** What a failed request means for the delivery. */
function failureOf(error: unknown): AttemptOutcome {
  if (hasCode(error, "denied") || hasCode(error, "invalid")) {
    return { kind: "hopeless", reason: describe(error) };
  }
  if (hasCode(error, "aborted")) {
    return { kind: "failed", reason: `No answer within ${WEBHOOK_ATTEMPT_MS_MAX} ms` };
  }
  return { kind: "failed", reason: describe(error) };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { reason } = (error as { readonly data?: { readonly reason?: unknown } }).data ?? {};
  return reason === undefined ? error.message : `${error.message}: ${String(reason)}`;
}
