/**
 * The controller: looks whenever something was heard or a suspicion runs out, and publishes what
 * follows. Every control node has one; the elected one works.
 *
 * Each look reads everything at one revision, decides by {@link reconcile}, and writes the topology in a
 * transaction that demands two things: nobody wrote it since, and this controller is still the elected
 * one. One that was paused and replaced therefore changes nothing any more.
 *
 * A new controller knows nobody's past. Who is silent when it comes is suspected anew; and when most
 * are, the control plane was away rather than they, and nobody is given up for the time of grace.
 *
 * @module
 */

import { type Clock, hasCode, type Logger, sleptWhole, toError } from "@gitstratum/core";
import { type Consensus, prefixRange } from "@gitstratum/core/consensus";
import { type RingAssignment, type StoreClaim, StoreLease } from "@gitstratum/core/rpc";
import type { StepContext } from "./member.ts";
import {
  CLUSTER_LEVEL_KEY,
  type ClusterLevel,
  decodeClusterLevel,
  raise,
} from "./cluster_level.ts";
import { readRegistrations } from "./node_registry.ts";
import type { ControlPolicy } from "./policy.ts";
import { type Look, type Members, reconcile, type Reconciled } from "./reconcile.ts";
import { encodeJson } from "./stored_json.ts";
import { newMembers } from "./ring_planner.ts";
import { decodeTopology, TOPOLOGY_KEY } from "./topology_feed.ts";

/** Time before a look that failed is repeated, in milliseconds. */
const RETRY_MS = 1000;
const ELECTION_PREFIX = "election/";
const CONTROLLER = "controller";

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
  /** The cluster's id. */
  readonly cluster: string;
  /** Named in the election, for people who look. */
  readonly name: string;
  /** No other process uses the store: whoever was elected before is dead. */
  readonly isAlone: boolean;
}

/** What an elected controller knows. */
interface Office {
  readonly claim: StoreClaim;
  members: Members;
  graceUntilMs: number;
  isFirstLook: boolean;
}

/** Watches over the nodes of a cluster, when it is elected. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #stop = new AbortController();
  #lease: StoreLease | undefined;
  #office: Office | undefined;
  #looking: Promise<unknown> = Promise.resolve();
  #running: Promise<void> = Promise.resolve();
  #alarm: AbortController | undefined;

  /** Makes a controller that does nothing yet. */
  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  /** Whether this is the elected one. */
  get isElected(): boolean {
    return this.#office?.claim.holds() ?? false;
  }

  /** Whether the store was heard of within the time of this node's lease. */
  get isInTouch(): boolean {
    return this.#lease?.lives() ?? false;
  }

  /** Stands for election; resolves at once when there is nobody else. */
  async open(): Promise<void> {
    const { consensus, clock, logger, policy, name, isAlone } = this.#options;
    if (isAlone) {
      const then = [{ kind: "delete", key: ELECTION_PREFIX + CONTROLLER }] as const;
      await consensus.transact({ compares: [], then });
    }
    const lease = await StoreLease.open({
      consensus,
      clock,
      logger,
      holder: name,
      prefix: ELECTION_PREFIX,
      times: policy.election,
    });
    this.#lease = lease;
    this.#running = this.#run(lease);
  }

  /**
   * Looks once, if this is the elected controller; resolves when what was found is published. Looks
   * follow one another.
   *
   * @throws `unavailable`, `disk-full` as the store does
   */
  look(): Promise<void> {
    const next = this.#looking.then(() => this.#lookNow());
    // A failed look is its caller's affair; the next one starts from scratch.
    this.#looking = next.catch(() => {});
    return next;
  }

  /** Lets another controller take over. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#alarm?.abort();
    await this.#running;
    await this.#looking;
    await this.#lease?.close();
  }

  async #run(lease: StoreLease): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#govern(await lease.claim(CONTROLLER, signal));
      } catch (error) {
        if (hasCode(error, "aborted")) continue;
        this.#fail(error);
        await sleptWhole(this.#options.clock, RETRY_MS, signal);
      }
    }
  }

  /** Works until the office is lost. */
  async #govern(claim: StoreClaim): Promise<void> {
    const { name, logger } = this.#options;
    logger.info("Become the elected controller", { name });
    this.#office = { claim, members: new Map(), graceUntilMs: -Infinity, isFirstLook: true };
    const signal = AbortSignal.any([this.#stop.signal, claim.lost]);
    try {
      while (!signal.aborted) await this.#follow(signal);
    } finally {
      this.#alarm?.abort();
      this.#office = undefined;
      await claim.release();
      logger.info("Cease to be the elected controller", { name });
    }
  }

  /** Looks at every change, until a look or the watch fails. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { consensus } = this.#options;
    const range = prefixRange("control/");
    try {
      const { revision } = await consensus.range(range, { limit: 1 });
      await this.look();
      for await (const _ of consensus.watch(range, { after: revision, signal })) await this.look();
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(error);
      await sleptWhole(this.#options.clock, RETRY_MS, signal);
    }
  }

  async #lookNow(): Promise<void> {
    const office = this.#office;
    if (office === undefined || this.#stop.signal.aborted || !office.claim.holds()) return;
    const { consensus, clock, policy, cluster } = this.#options;
    const { entries } = await consensus.range(prefixRange("control/"));
    const stored = entries.find(({ key }) => key === TOPOLOGY_KEY);
    const topology = decodeTopology(stored);
    const level = decodeClusterLevel(entries.find(({ key }) => key === CLUSTER_LEVEL_KEY));
    const look = { ...readRegistrations(entries), topology, cluster, level: level.level };
    if (office.isFirstLook) office.graceUntilMs = this.#graceUntilMs(look);
    office.isFirstLook = false;
    const { graceUntilMs } = office;
    const context: StepContext = { nowMs: clock.monotonicMs(), policy, graceUntilMs };
    const result = reconcile(look, office.members, context);
    if (result.topology !== topology) {
      const found = { level, modRevision: stored?.modRevision ?? 0 };
      const published = await this.#publish(result, office.claim, found);
      // Somebody else published meanwhile, and the watch tells: the next look begins from there.
      if (!published) return;
      this.#tellAbandoned(topology.rings, result.topology.rings);
    }
    office.members = result.members;
    this.#setAlarm(result.wakeAtMs);
  }

  /** Nobody is given up for a while when most are silent: it was the control plane that was away. */
  #graceUntilMs({ topology, alive }: Look): number {
    const { clock, policy, logger } = this.#options;
    const wanted = topology.nodes.filter(({ state }) => state !== "down");
    const heardCount = wanted.filter(({ id }) => alive.has(id)).length;
    if (heardCount * 2 >= wanted.length) return -Infinity;
    const { graceMs } = policy;
    logger.warn("Give nobody up for a while, most are silent", {
      nodes: wanted.length,
      heard: heardCount,
      graceMs,
    });
    return clock.monotonicMs() + graceMs;
  }

  async #publish(
    { topology }: Reconciled,
    claim: StoreClaim,
    found: { readonly level: ClusterLevel; readonly modRevision: number },
  ): Promise<boolean> {
    const { modRevision } = found;
    const raised = raise(found.level, topology.level ?? found.level.level);
    const { succeeded } = await this.#options.consensus.transact({
      compares: [
        claim.guard,
        { key: TOPOLOGY_KEY, target: "modRevision", operator: "=", value: modRevision },
        raised.compare,
      ],
      then: [{ kind: "put", key: TOPOLOGY_KEY, value: encodeJson(topology) }, ...raised.then],
    });
    if (succeeded) {
      this.#options.logger.info("Publish a topology", {
        version: topology.version,
        releaseLevel: topology.level ?? 0,
        nodes: topology.nodes.map(({ id, state }) => `${id}:${state}`).join(" "),
      });
    }
    return succeeded;
  }

  /** Tells of new members of the ring that no hand-over waits for any more. */
  #tellAbandoned(before: RingAssignment | undefined, after: RingAssignment | undefined): void {
    if (before === undefined || after === undefined || before.version === after.version) return;
    const kept = new Set(after.current.map(({ id }) => id));
    for (const node of newMembers(before)) {
      if (kept.has(node)) continue;
      const { version: ringVersion } = after;
      this.#options.logger.warn("Take a node off the ring before it had its share", {
        node,
        ringVersion,
      });
    }
  }

  /** Looks again at a moment, unless another look comes first and sets another. */
  #setAlarm(atMs: number | undefined): void {
    this.#alarm?.abort();
    this.#alarm = undefined;
    if (atMs === undefined || this.#stop.signal.aborted) return;
    const alarm = new AbortController();
    this.#alarm = alarm;
    const waitMs = atMs - this.#options.clock.monotonicMs();
    sleptWhole(this.#options.clock, waitMs, alarm.signal).then((slept) => {
      if (!slept) return;
      this.look().catch((error) => {
        this.#fail(error);
        this.#setAlarm(this.#options.clock.monotonicMs() + RETRY_MS);
      });
    });
  }

  #fail(error: unknown): void {
    this.#options.logger.error("Fail to look after the nodes", { error: toError(error) });
  }
}
