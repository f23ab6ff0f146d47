/**
 * Finds the primary of a partition and calls it, again and again while a cluster changes hands.
 *
 * A call goes to the node that the topology at hand names. When that node can not be reached, is not
 * the primary any more, or loses the partition while it works, the call is made anew, at the next
 * primary, until a deadline. So callers see a failover as a slow answer.
 *
 * Invariant: only calls that may be repeated are made through here: questions, and changes that
 * recognise their own traces.
 *
 * Fault model: a node that stopped without closing its connections never answers; its call ends when
 * the topology gives the partition to another. One that only this process can not reach keeps its
 * partitions; calls to it are passed on by others (see {@link NodeLinks}). An old topology costs
 * attempts, never a wrong answer, because nodes refuse what is not theirs.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import type { Partition } from "../../consensus/log.ts";
import { GitStratumError, hasCode } from "../../error.ts";
import { PARTITION_ATTEMPT_MS_MAX, PARTITION_CALL_MS_MAX } from "../../limits.ts";
import type { Logger } from "../../logger.ts";
import type { Random } from "../../random.ts";
import { WAIT_IS_OVER } from "../../wait_is_over.ts";
import type { Fetcher } from "../fetcher.ts";
import { NodeLinks, type NodeRoute } from "../relay/node_links.ts";
import type { NodeId, Topology, TopologyNode } from "../topology/topology.ts";
import type { TopologySource } from "../topology/topology_source.ts";

/** The world of a router. */
export interface PartitionRouterOptions {
  /** Who serves what. */
  readonly topology: TopologySource;
  /** Carries requests to the node at a base URL. */
  readonly fetcherFor: (address: string) => Fetcher;
  /** Counts deadlines and pauses. */
  readonly clock: Clock;
  /** Spreads retries. */
  readonly random: Random;
  /** From the first attempt to giving up, in milliseconds; `PARTITION_CALL_MS_MAX` unless told. */
  readonly deadlineMs?: number;
  /** The node that calls, when it is a metadata node. */
  readonly nodeId?: NodeId;
  /** Told of nodes that can not be reached straight. */
  readonly logger?: Logger;
}

/** A node to be called. */
export interface RouteTarget {
  /** Who it is. */
  readonly node: TopologyNode;
  /** What paths are put behind: the node's address, or the way by another node. */
  readonly baseUrl: string;
  /** Carries requests to it. */
  readonly fetcher: Fetcher;
  /** Aborts when the attempt is given up: what its requests are to be made with. */
  readonly signal: AbortSignal;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** Rejects when the way is cut and another one is known; never resolves, is silent once over. */
  readonly cut: (over: AbortSignal) => Promise<never>;
}

/** One attempt at something that may take several. */
export interface RouteAttempt {
  /** What it goes by. */
  readonly topology: Topology;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** A node, to be called in this attempt. */
  readonly target: (node: TopologyNode) => RouteTarget;
}

/** Most calls are answered within this time, in milliseconds, and nothing else is watched for them. */
const UNWATCHED_MS = 100;
/** The first pause between two attempts, and the longest after doublings, in milliseconds. */
const PAUSE_MS = 25;
const PAUSE_MS_MAX = 800;

/** Calls primaries of partitions. */
export class PartitionRouter {
  readonly #options: PartitionRouterOptions;
  readonly #links: NodeLinks;

  /** Makes a router; nothing is sent yet. */
  constructor(options: PartitionRouterOptions) {
    this.#options = options;
    this.#links = new NodeLinks(options);
  }

  /** Who serves what, as the router knows it. */
  get topology(): TopologySource {
    return this.#options.topology;
  }

  /**
   * Calls the primary of a partition until it answers.
   *
   * @throws what the call throws; `unavailable` when no primary answered before the deadline
   */
  call<T>(partition: Partition, work: (target: RouteTarget) => Promise<T>): Promise<T> {
    return this.attempt(
      async ({ topology, target }) => await work(target(primaryOf(topology, partition))),
      (before, now) => isMoved(before, now, partition),
    );
  }

  /**
   * Does work that goes by a topology until it succeeds. An attempt is given up when `isStale` says
   * that a newer topology has made it pointless.
   *
   * @throws what the work throws; `unavailable` when it still did at the deadline
   */
  async attempt<T>(
    work: (attempt: RouteAttempt) => Promise<T>,
    isStale: (before: Topology, now: Topology) => boolean,
  ): Promise<T> {
    const { clock, topology, deadlineMs = PARTITION_CALL_MS_MAX } = this.#options;
    const untilMs = clock.monotonicMs() + deadlineMs;
    for (let attempt = 1;; attempt++) {
      const current = topology.current();
      try {
        return await this.#once(work, { topology: current, attempt, isStale });
      } catch (error) {
        if (!hasCode(error, "unavailable") || clock.monotonicMs() >= untilMs) throw error;
      }
      await this.#pause(current.version, attempt);
    }
  }

  /**
   * Rejects when a partition has moved since a topology and some more time has passed: what its former
   * primary still had to say, it has said by then. Never resolves.
   */
  async left(
    partition: Partition,
    options: {
      readonly since: Topology;
      readonly silenceMs: number;
      readonly over: AbortSignal;
    },
  ): Promise<never> {
    const { since, silenceMs, over } = options;
    const { clock, topology } = this.#options;
    for (let now = topology.current(); !isMoved(since, now, partition);) {
      now = await unlessOver(topology.changed(now.version, over), over);
    }
    await unlessOver(clock.sleep(silenceMs, over), over);
    throw new GitStratumError("unavailable", "Leave a node that lost its partition", {
      data: { topologyVersion: topology.current().version },
    });
  }

  /** One attempt, which ends when the work does or when it became pointless. */
  async #once<T>(
    work: (attempt: RouteAttempt) => Promise<T>,
    options: {
      readonly topology: Topology;
      readonly attempt: number;
      readonly isStale: (before: Topology, now: Topology) => boolean;
    },
  ): Promise<T> {
    const { topology, attempt, isStale } = options;
    const over = new AbortController();
    const cut = new AbortController();
    const ways = new UsedWays((route) =>
      unlessOver(this.#links.watch(route, over.signal), over.signal)
    );
    const target = (node: TopologyNode): RouteTarget => {
      const route = this.#links.routeTo(node);
      const fetcher = this.#cuttable(route, { cut: cut.signal, ways });
      const lost = (over: AbortSignal) => unlessOver(this.#links.watch(route, over), over);
      const { signal } = cut;
      return { node, attempt, baseUrl: route.baseUrl, fetcher, signal, cut: lost };
    };
    try {
      return await Promise.race([
        work({ topology, attempt, target }),
        this.#pointless({ topology, isStale, ways, over: over.signal }),
      ]);
    } catch (error) {
      cut.abort(error);
      throw error;
    } finally {
      over.abort(WAIT_IS_OVER);
    }
  }

  /** Rejects when an attempt can come to nothing any more; never resolves. */
  async #pointless(
    attempt: {
      readonly topology: Topology;
      readonly isStale: (before: Topology, now: Topology) => boolean;
      readonly ways: UsedWays;
      readonly over: AbortSignal;
    },
  ): Promise<never> {
    const { topology, isStale, ways, over } = attempt;
    await unlessOver(this.#options.clock.sleep(UNWATCHED_MS, over), over);
    return await Promise.race([
      ways.lost(),
      this.#outdated(topology, isStale, over),
      this.#overdue(over),
    ]);
  }

  /** Carries requests over a way, and takes note of it. */
  #cuttable(
    route: NodeRoute,
    attempt: { readonly cut: AbortSignal; readonly ways: UsedWays },
  ): Fetcher {
    const { cut, ways } = attempt;
    return async (request) => {
      ways.use(route);
      try {
        // Who made the request with the signal is spared a copy of it.
        return await route.fetcher(request);
      } catch (error) {
        if (!cut.aborted) this.#links.failed(route);
        throw error;
      }
    };
  }

  /** Rejects when a newer topology makes an attempt pointless; never resolves. */
  async #outdated(
    before: Topology,
    isStale: (before: Topology, now: Topology) => boolean,
    over: AbortSignal,
  ): Promise<never> {
    let { version } = before;
    for (;;) {
      const now = await unlessOver(this.#options.topology.changed(version, over), over);
      if (isStale(before, now)) {
        throw new GitStratumError("unavailable", "Leave a node that lost its partition", {
          data: { topologyVersion: now.version },
        });
      }
      version = now.version;
    }
  }

  async #overdue(over: AbortSignal): Promise<never> {
    const leftMs = PARTITION_ATTEMPT_MS_MAX - UNWATCHED_MS;
    await unlessOver(this.#options.clock.sleep(leftMs, over), over);
    throw new GitStratumError("unavailable", "Wait for no answer any longer", {
      data: { waitedMs: PARTITION_ATTEMPT_MS_MAX },
    });
  }

  /** Waits for a while or for another topology, whichever comes first. */
  async #pause(version: number, attempt: number): Promise<void> {
    const { clock, random, topology } = this.#options;
    const longest = Math.min(PAUSE_MS * 2 ** (attempt - 1), PAUSE_MS_MAX);
    const ms = Math.round(longest * (0.5 + random.bytes(1)[0]! / 512));
    const over = new AbortController();
    // The hint may fail while the control plane is away: the pause goes on, and so does the retry.
    topology.refresh().catch(() => undefined);
    try {
      await Promise.race([
        unlessOver(clock.sleep(ms, over.signal), over.signal),
        unlessOver(topology.changed(version, over.signal), over.signal),
      ]);
    } finally {
      over.abort(WAIT_IS_OVER);
    }
  }
}

/** The ways that an attempt has used, and those who watch them once it takes long. */
class UsedWays {
  readonly #watch: (route: NodeRoute) => Promise<never>;
  readonly #routes = new Set<NodeRoute>();
  readonly #lost = Promise.withResolvers<never>();
  #isWatching = false;

  constructor(watch: (route: NodeRoute) => Promise<never>) {
    this.#watch = watch;
  }

  use(route: NodeRoute): void {
    if (this.#routes.has(route)) return;
    this.#routes.add(route);
    if (this.#isWatching) this.#begin(route);
  }

  /** Watches from now on. Rejects when a way is cut and another one is known; never resolves. */
  lost(): Promise<never> {
    this.#isWatching = true;
    for (const route of this.#routes) this.#begin(route);
    return this.#lost.promise;
  }

  #begin(route: NodeRoute): void {
    this.#watch(route).catch(this.#lost.reject);
  }
}

/** The promise, or silence for ever once it can only tell that nobody waits for it any more. */
function unlessOver<T>(promise: Promise<T>, over: AbortSignal): Promise<T> {
  return promise.catch((error) => {
    if (!over.aborted) throw error;
    return new Promise<T>(() => {});
  });
}

/** The primary of a partition. @throws `unavailable` when it has none */
export function primaryOf(topology: Topology, partition: Partition): TopologyNode {
  const primary = topology.partitions[partition]?.primary ?? null;
  const node = primary === null ? undefined : topology.nodes.find(({ id }) => id === primary);
  if (node !== undefined) return node;
  throw new GitStratumError("unavailable", "Find no primary of a partition", {
    data: { partition, topologyVersion: topology.version },
  });
}

/** Whether a partition has another primary, or the same one elsewhere. */
export function isMoved(before: Topology, now: Topology, partition: Partition): boolean {
  const [was, is] = [before.partitions[partition]?.primary, now.partitions[partition]?.primary];
  if (was !== is) return true;
  const addressIn = ({ nodes }: Topology) => nodes.find(({ id }) => id === is)?.address;
  return addressIn(before) !== addressIn(now);
}
