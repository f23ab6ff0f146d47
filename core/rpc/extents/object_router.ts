/**
 * Finds a node of the object cluster for a call, and another one when that does not answer.
 *
 * Any object node can serve any extent; its owners do it best. They are asked in order; the next one at
 * once when one fails, and early when one is late (hedging). When none could answer, the call is made
 * anew with the newest topology until a deadline, so that callers see a failing node as a slow answer.
 *
 * Invariant: only calls that may be repeated, and that may run twice at a time, are made through here.
 *
 * Fault model: nodes that are gone, that stand still without closing their connections, that break
 * answers off, or that are other processes than the topology says. That there is nothing is believed
 * when two nodes say so, because one of them may go by an old topology.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { GitStratumError, hasCode } from "../../error.ts";
import { OBJECT_ATTEMPT_MS_MAX, OBJECT_CALL_MS_MAX } from "../../limits.ts";
import type { Random } from "../../random.ts";
import { WAIT_IS_OVER } from "../../wait_is_over.ts";
import { CircuitBreaker } from "../circuit_breaker.ts";
import { ExtentClient } from "./extent_client.ts";
import type { Fetcher } from "../fetcher.ts";
import { ObjectRingCache } from "./object_rings.ts";
import type { NodeId, NodeState, TopologyNode } from "../topology/topology.ts";
import type { TopologySource } from "../topology/topology_source.ts";

/** The world of a router. */
export interface ObjectRouterOptions {
  /** Which nodes there are. */
  readonly topology: TopologySource;
  /** Carries requests to the node at a base URL. */
  readonly fetcherFor: (address: string) => Fetcher;
  /** Counts deadlines and pauses. */
  readonly clock: Clock;
  /** Spreads retries. */
  readonly random: Random;
  /** From the first attempt to giving up, in milliseconds; `OBJECT_CALL_MS_MAX` unless told. */
  readonly deadlineMs?: number;
}

/** A call to be made. */
export interface ObjectCall<T> {
  /** Decides which nodes are asked: those that own this key. */
  readonly key: string;
  /** A node that takes longer is not waited for alone, in milliseconds. */
  readonly lateMs: number;
  /** Makes the call. */
  readonly run: (client: ExtentClient) => Promise<T>;
}

/** Nodes that are asked after the owners: those that step in for them when writes miss them. */
const FURTHER_COUNT = 2;
/** So many nodes have to say that there is nothing. */
const ABSENT_COUNT = 2;
const PAUSE_MS = 50;
const PAUSE_MS_MAX = 1000;

const STATE_ORDER: Readonly<Record<NodeState, number>> = {
  active: 0,
  draining: 0,
  joining: 1,
  suspect: 2,
  down: 3,
};

/** Calls object nodes. */
export class ObjectRouter {
  readonly #options: ObjectRouterOptions;
  readonly #rings = new ObjectRingCache();
  readonly #breakers = new Map<NodeId, CircuitBreaker>();

  /** Makes a router; nothing is sent yet. */
  constructor(options: ObjectRouterOptions) {
    this.#options = options;
  }

  /** The nodes to be asked for a key, the best one first. */
  nodesOf(key: string): TopologyNode[] {
    const topology = this.#options.topology.current();
    const { current, previous, policy } = this.#rings.of(topology);
    const count = policy.replicaCount + FURTHER_COUNT;
    const walks = [previous, current].map((ring) =>
      ring?.replicas(key, count).map(({ id }) => id) ?? []
    );
    const owners = walks.flatMap((walk) => walk.slice(0, policy.replicaCount));
    const ids = new Set([...owners, ...walks.flat()]);
    // A member of a ring of which nothing is known any more can not be asked.
    const nodes = [...ids].map((id) => topology.nodes.find((node) => node.id === id))
      .filter((node) => node !== undefined);
    // Sorting keeps the order of those that are equally well.
    return nodes.sort((a, b) => this.#rank(a) - this.#rank(b));
  }

  #rank({ id, state }: TopologyNode): number {
    return STATE_ORDER[state] + (this.#breaker(id).isOpen ? 2 : 0);
  }

  #breaker(id: NodeId): CircuitBreaker {
    let breaker = this.#breakers.get(id);
    if (breaker === undefined) {
      this.#breakers.set(id, breaker = new CircuitBreaker(this.#options.clock));
    }
    return breaker;
  }

  /**
   * Makes a call at the best node that answers.
   *
   * @throws what nodes answer; `unavailable` when none answered before the deadline
   */
  async call<T>(call: ObjectCall<T>): Promise<T> {
    const { clock, topology, deadlineMs = OBJECT_CALL_MS_MAX } = this.#options;
    const untilMs = clock.monotonicMs() + deadlineMs;
    for (let attempt = 0;; attempt++) {
      const { version } = topology.current();
      try {
        return await this.#attempt(call);
      } catch (error) {
        if (!hasCode(error, "unavailable") || clock.monotonicMs() >= untilMs) throw error;
      }
      await this.#pause(version, attempt);
    }
  }

  async #attempt<T>(call: ObjectCall<T>): Promise<T> {
    const nodes = this.nodesOf(call.key);
    if (nodes.length === 0) {
      throw new GitStratumError("unavailable", "Know no object node", {
        data: { topologyVersion: this.#options.topology.current().version },
      });
    }
    const over = new AbortController();
    try {
      return await Promise.race([
        this.#askInTurn(nodes, call, over.signal),
        this.#overdue(call.key, over.signal),
      ]);
    } finally {
      over.abort(WAIT_IS_OVER);
    }
  }

  /** Asks node after node until one answers, the next one early when one is late. */
  #askInTurn<T>(
    nodes: readonly TopologyNode[],
    call: ObjectCall<T>,
    over: AbortSignal,
  ): Promise<T> {
    const { clock } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const failures: GitStratumError[] = [];
    let nextIndex = 0;
    const askNext = () => {
      const node = nodes[nextIndex++];
      if (node === undefined) return;
      const answered = new AbortController();
      clock.sleep(call.lateMs, AbortSignal.any([over, answered.signal])).then(() => {
        this.#breaker(node.id).failed();
        askNext();
      }, () => {
        // Answered in time, or not needed any more.
      });
      call.run(this.#client(node, over)).then((value) => {
        this.#breaker(node.id).succeeded();
        resolve(value);
      }, (error) => {
        // The answer is there already, and this call was cut off.
        if (over.aborted) return;
        if (!mayTryNext(error)) return reject(error);
        if (error.code === "unavailable") this.#breaker(node.id).failed();
        failures.push(error);
        const verdict = verdictOf(failures, nodes.length);
        if (verdict === undefined) askNext();
        else reject(verdict);
      }).finally(() => answered.abort(WAIT_IS_OVER));
    };
    askNext();
    return promise;
  }

  /** A client of a node whose calls end with the signal. */
  #client(node: TopologyNode, signal: AbortSignal): ExtentClient {
    const fetcher = this.#options.fetcherFor(node.address);
    return new ExtentClient(fetcher, { baseUrl: node.address, signal });
  }

  /** Rejects when an attempt takes too long; never resolves. */
  async #overdue(key: string, over: AbortSignal): Promise<never> {
    const isOver = await this.#options.clock.sleep(OBJECT_ATTEMPT_MS_MAX, over).then(
      () => false,
      () => true,
    );
    if (isOver) return await new Promise<never>(() => {});
    throw new GitStratumError("unavailable", "Wait too long for object nodes", {
      data: { key, timeoutMs: OBJECT_ATTEMPT_MS_MAX },
    });
  }

  /** Waits a moment, less when the topology changes meanwhile. */
  async #pause(version: number, attempt: number): Promise<void> {
    const { clock, topology, random } = this.#options;
    const longestMs = Math.min(PAUSE_MS * 2 ** attempt, PAUSE_MS_MAX);
    const pauseMs = longestMs * (0.5 + random.bytes(1)[0]! / 512);
    const over = new AbortController();
    const ended = (error: unknown) => {
      if (!over.signal.aborted) throw error;
    };
    topology.refresh().catch(() => {
      // A hint: while the control plane is away the topology at hand has to do.
    });
    try {
      await Promise.race([
        clock.sleep(pauseMs, over.signal).catch(ended),
        topology.changed(version, over.signal).then(() => {}, ended),
      ]);
    } finally {
      over.abort(WAIT_IS_OVER);
    }
  }
}

/** Whether another node may have a better answer. */
function mayTryNext(error: unknown): error is GitStratumError {
  if (!(error instanceof GitStratumError)) return false;
  switch (error.code) {
    case "invalid":
    case "conflict":
    case "already-exists":
    case "exhausted":
    case "disk-full":
      return false;
    case "unavailable":
    case "aborted":
    case "not-found":
    case "corrupt":
    case "denied":
    case "unauthenticated":
    case "unsupported":
      return true;
  }
}

/** What the failures so far mean; undefined while other nodes may know better. */
function verdictOf(
  failures: readonly GitStratumError[],
  nodeCount: number,
): GitStratumError | undefined {
  const absent = failures.filter(({ code }) => code === "not-found");
  if (absent.length >= Math.min(ABSENT_COUNT, nodeCount)) return absent[0];
  if (failures.length < nodeCount) return undefined;
  const lost = failures.find(({ code }) => code === "unavailable" || code === "aborted");
  if (lost !== undefined) {
    return new GitStratumError("unavailable", "Get no answer of any object node", {
      data: { nodes: nodeCount, reason: lost.message },
      cause: lost,
    });
  }
  return failures.find(({ code }) => code === "corrupt") ?? failures[0];
}
