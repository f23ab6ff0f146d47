/**
 * The controller: looks whenever something was heard or a suspicion runs out, and publishes what
 * follows.
 *
 * Each look reads everything at one revision, decides by {@link reconcile}, and writes the topology by
 * compare-and-swap. Two controllers at a time would therefore be wasteful but harmless: the slower one's
 * write fails and it looks again.
 *
 * @module
 */

import type { Clock, Logger } from "@gitstratum/core";
import { type Consensus, prefixRange } from "@gitstratum/core/consensus";
import type { StepContext } from "./member.ts";
import { readRegistrations } from "./node_registry.ts";
import type { ControlPolicy } from "./policy.ts";
import { type Members, reconcile, type Reconciled } from "./reconcile.ts";
import { decodeTopology, TOPOLOGY_KEY } from "./topology_feed.ts";

/** Time before a look that failed is repeated, in milliseconds. */
const RETRY_MS = 1000;

/** The world of a controller. */
export interface ControllerOptions {
  /** Where registrations and the topology are. */
  readonly consensus: Consensus;
  /** Counts suspicions. */
  readonly clock: Clock;
  /** Told of every topology and of every failure. */
  readonly logger: Logger;
  /** The rules. */
  readonly policy: ControlPolicy;
}

/** Watches over the nodes of a cluster. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #stop = new AbortController();
  #members: Members = new Map();
  #looking: Promise<unknown> = Promise.resolve();
  #running: Promise<void> = Promise.resolve();
  #alarm: AbortController | undefined;

  /** Makes a controller that does nothing yet. */
  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  /** Begins to look. */
  open(): void {
    this.#running = this.#run();
  }

  /**
   * Looks once; resolves when what was found is published. Looks follow one another.
   *
   * @throws `unavailable`, `disk-full` as the store does
   */
  look(): Promise<void> {
    const next = this.#looking.then(() => this.#lookNow());
    // A failed look is its caller's affair; the next one starts from scratch.
    this.#looking = next.catch(() => {});
    return next;
  }

  /** Stops looking. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#alarm?.abort();
    await this.#running;
    await this.#looking;
  }

  async #run(): Promise<void> {
    const { consensus, logger } = this.#options;
    const { signal } = this.#stop;
    const range = prefixRange("control/");
    while (!signal.aborted) {
      try {
        const { revision } = await consensus.range(range, { limit: 1 });
        await this.look();
        for await (const _ of consensus.watch(range, { after: revision, signal })) {
          await this.look();
        }
      } catch (error) {
        const cause = error instanceof Error ? error : new Error(String(error));
        logger.error("Fail to look after the nodes", { error: cause });
        await this.#sleep(RETRY_MS, signal);
      }
    }
  }

  async #lookNow(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const { consensus, clock, policy } = this.#options;
    const { entries } = await consensus.range(prefixRange("control/"));
    const stored = entries.find(({ key }) => key === TOPOLOGY_KEY);
    const topology = decodeTopology(stored);
    const context: StepContext = { nowMs: clock.monotonicMs(), policy };
    const result = reconcile({ ...readRegistrations(entries), topology }, this.#members, context);
    if (result.topology !== topology) {
      const published = await this.#publish(result, stored?.modRevision ?? 0);
      // Somebody else published meanwhile, and the watch tells: the next look begins from there.
      if (!published) return;
    }
    this.#members = result.members;
    this.#setAlarm(result.wakeAtMs);
  }

  async #publish({ topology }: Reconciled, modRevision: number): Promise<boolean> {
    const value = new TextEncoder().encode(JSON.stringify(topology));
    const { succeeded } = await this.#options.consensus.transact({
      compares: [{ key: TOPOLOGY_KEY, target: "modRevision", operator: "=", value: modRevision }],
      then: [{ kind: "put", key: TOPOLOGY_KEY, value }],
    });
    if (succeeded) {
      this.#options.logger.info("Publish a topology", {
        version: topology.version,
        nodes: topology.nodes.map(({ id, state }) => `${id}:${state}`).join(" "),
      });
    }
    return succeeded;
  }

  /** Looks again at a moment, unless another look comes first and sets another. */
  #setAlarm(atMs: number | undefined): void {
    this.#alarm?.abort();
    this.#alarm = undefined;
    if (atMs === undefined || this.#stop.signal.aborted) return;
    const alarm = new AbortController();
    this.#alarm = alarm;
    const waitMs = atMs - this.#options.clock.monotonicMs();
    this.#sleep(waitMs, alarm.signal).then((slept) => {
      if (!slept) return;
      this.look().catch((error) => {
        const cause = error instanceof Error ? error : new Error(String(error));
        this.#options.logger.error("Fail to look after the nodes", { error: cause });
        this.#setAlarm(this.#options.clock.monotonicMs() + RETRY_MS);
      });
    });
  }

  /** Sleeps; false when the signal ended the sleep. */
  async #sleep(ms: number, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#options.clock.sleep(ms, signal);
      return true;
    } catch (error) {
      if (!signal.aborted) throw error;
      return false;
    }
  }
}
