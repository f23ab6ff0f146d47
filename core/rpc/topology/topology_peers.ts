/**
 * The topology by word of mouth: nodes that hear no control node ask each other.
 *
 * The control plane may die after it told only some of a change, or a node may be cut off from it alone.
 * Then one node has let go of a partition, and the one that is to have it does not know. So every
 * node answers what topology it goes by, and whoever hears no control node asks a few others.
 *
 * Invariant: nothing is invented. Each topology was published by the control plane and is told as it is,
 * and nobody goes back to an older one.
 *
 * Fault model: peers may be away, silent, or know less; each is asked within a bound, others next time.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { toError } from "../../error.ts";
import type { Logger } from "../../logger.ts";
import type { Random } from "../../random.ts";
import { ControlFailover } from "./control_failover.ts";
import type { Fetcher, Service } from "../fetcher.ts";
import type { Topology, TopologyNode } from "./topology.ts";
import type { TopologySource } from "./topology_source.ts";
import type { TopologyWatcher } from "./topology_watcher.ts";

/** Two beats of a control node's stream may be late before others are asked. */
const SILENCE_MS = 4500;
const INTERVAL_MS = 1000;
/** Nodes that are asked at a time. */
const PEER_COUNT = 3;
const PATH = "/control/v1/topology";

/** The world of those who ask. */
export interface TopologyPeersOptions {
  /** Knows the peers, and takes what they tell. */
  readonly topology: Pick<TopologyWatcher, "current" | "offer" | "silenceMs">;
  /** Carries signed requests. */
  readonly fetcher: Fetcher;
  /** Counts silence. */
  readonly clock: Clock;
  /** Picks peers. */
  readonly random: Random;
  /** Told when a peer knew more. */
  readonly logger: Logger;
  /** The zone of the node that asks, if answers from other zones are to be told from its own. */
  readonly zone?: string;
}

/** Asks peers while no control node is heard. */
export class TopologyPeers {
  readonly #options: TopologyPeersOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** When a node from elsewhere answered last, by the monotonic clock. */
  #heardAtMs = -Infinity;

  /** Makes one that asks nobody yet. */
  constructor(options: TopologyPeersOptions) {
    this.#options = options;
  }

  /** Begins to listen for silence. */
  open(): void {
    this.#running = this.#run();
  }

  /** Asks nobody any more. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /**
   * How long no other node answered, in milliseconds; nodes are asked only while no control node is
   * heard. Answers from the own zone do not count where there are others: what shares a machine
   * answers even if its network is gone.
   */
  get silenceMs(): number {
    return this.#options.clock.monotonicMs() - this.#heardAtMs;
  }

  async #run(): Promise<void> {
    const { topology, random } = this.#options;
    while (await this.#sleep(INTERVAL_MS * (0.5 + random.bytes(1)[0]! / 255))) {
      if ((topology.silenceMs ?? Infinity) >= SILENCE_MS) await this.#ask();
    }
  }

  async #ask(): Promise<void> {
    await Promise.all(this.#peers().map((peer) => this.#askOne(peer)));
  }

  async #askOne({ id, address, zone }: TopologyNode): Promise<void> {
    const { topology, logger, clock } = this.#options;
    try {
      const peer = new ControlFailover({
        ...this.#options,
        urls: [address],
        fetcher: (request) => this.#fetchUntilStop(request),
      });
      const told = await peer.topology();
      if (this.#isElsewhere(zone)) this.#heardAtMs = clock.monotonicMs();
      if (this.#stop.signal.aborted || told.version <= topology.current().version) return;
      topology.offer(told);
      logger.info("Hear of a topology from another node", { node: id, version: told.version });
    } catch (error) {
      const cause = toError(error);
      logger.debug("Hear nothing of the topology from another node", { node: id, error: cause });
    }
  }

  #isElsewhere(zone: string): boolean {
    const own = this.#options.zone;
    const { nodes } = this.#options.topology.current();
    return zone !== own || nodes.every((node) => node.zone === own);
  }

  #fetchUntilStop(request: Request): Promise<Response> {
    const signal = AbortSignal.any([request.signal, this.#stop.signal]);
    return this.#options.fetcher(new Request(request, { signal }));
  }

  #peers(): TopologyNode[] {
    const { topology, random } = this.#options;
    const peers = topology.current().nodes.filter(({ role }) =>
      role === "metadata" || role === "object"
    );
    const picked: TopologyNode[] = [];
    while (peers.length > 0 && picked.length < PEER_COUNT) {
      const [high, low] = random.bytes(2) as unknown as [number, number];
      picked.push(...peers.splice((256 * high + low) % peers.length, 1));
    }
    return picked;
  }

  async #sleep(ms: number): Promise<boolean> {
    const { signal } = this.#stop;
    try {
      await this.#options.clock.sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return !signal.aborted;
  }
}

/** A service that tells, besides, which topology its node goes by. */
export function withTopology(service: Service, source: Pick<TopologySource, "current">): Service {
  return {
    fetch(request: Request): Promise<Response> {
      if (new URL(request.url).pathname !== PATH) return service.fetch(request);
      const topology: Topology = source.current();
      return Promise.resolve(Response.json(topology));
    },
  };
}
