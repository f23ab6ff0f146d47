/**
 * Ways to nodes: straight, or by another node that passes calls on while the straight one is cut.
 *
 * A node that this process can not reach may be well and reachable for everybody else; then the control
 * plane leaves its duties to it. So when a call does not get through, other nodes are asked whether
 * they reach it, and one that does carries the calls, until the straight way is open again.
 *
 * Invariant: another way is taken only when the node was heard over it while it was not heard over the
 * one before: a node that is merely slow, or dead, is left to whoever decides about failovers.
 *
 * Fault model: links that are refused, and links that swallow everything; relays that are cut off
 * themselves, that die, or that are of a release that can not relay. What is remembered of a node ends
 * with its incarnation.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { GitStratumError } from "../../error.ts";
import type { Logger } from "../../logger.ts";
import type { Random } from "../../random.ts";
import { WAIT_IS_OVER } from "../../wait_is_over.ts";
import type { Fetcher } from "../fetcher.ts";
import type { NodeId, NodeState, TopologyNode } from "../topology/topology.ts";
import type { TopologySource } from "../topology/topology_source.ts";
import { PING_PATH, RELAY_HEADER, relayedBaseUrl } from "./relay_path.ts";

/** The world of links. */
export interface NodeLinksOptions {
  /** Says which nodes could pass calls on. */
  readonly topology: Pick<TopologySource, "current">;
  /** Carries requests to the node at a base URL. */
  readonly fetcherFor: (address: string) => Fetcher;
  /** Counts silence. */
  readonly clock: Clock;
  /** Spreads calls over those that could pass them on. */
  readonly random: Random;
  /** This process, when it is a node that could be asked to pass calls on. */
  readonly nodeId?: NodeId;
  /** Told when a way changes. */
  readonly logger?: Logger;
}

/** A way to a node. */
export interface NodeRoute {
  /** Where it leads. */
  readonly node: TopologyNode;
  /** Who passes calls on; absent = nobody, the way is straight. */
  readonly by?: TopologyNode;
  /** What calls' paths are put behind. */
  readonly baseUrl: string;
  /** Carries requests below the base URL. */
  readonly fetcher: Fetcher;
}

interface Detour {
  readonly route: NodeRoute;
  /** When the straight way is tried again. */
  probeAtMs: number;
}

/** A call that brings nothing for so long makes its caller ask whether the node is there. */
const QUIET_MS = 1500;
/** A node that is there answers a ping in some milliseconds, or after what holds its event loop. */
const PING_MS_MAX = 1500;
/** Time between two tries of a straight way that was cut. */
const PROBE_INTERVAL_MS = 5000;
/** Nodes that are asked at a time whether they reach another. */
const RELAY_COUNT_MAX = 3;

const RELAYING_STATES: ReadonlySet<NodeState> = new Set(["active", "suspect", "draining"]);

/** The ways of one process to metadata nodes. */
export class NodeLinks {
  readonly #options: NodeLinksOptions;
  readonly #detours = new Map<NodeId, Detour>();
  readonly #searches = new Map<NodeId, Promise<boolean>>();
  readonly #pings = new Map<string, Promise<boolean>>();

  /** Makes ways that are all straight. */
  constructor(options: NodeLinksOptions) {
    this.#options = options;
  }

  /** The way to a node, as far as it is known. */
  routeTo(node: TopologyNode): NodeRoute {
    const detour = this.#detours.get(node.id);
    if (detour === undefined) return this.#straight(node);
    const { route } = detour;
    const isSame = route.node.incarnation === node.incarnation &&
      route.node.address === node.address;
    if (!isSame) {
      this.#detours.delete(node.id);
      return this.#straight(node);
    }
    if (this.#options.clock.monotonicMs() >= detour.probeAtMs) void this.#probe(detour);
    return route;
  }

  /** Nothing got through: looks for another way, which later calls take. */
  failed(route: NodeRoute): void {
    void this.#search(route);
  }

  /**
   * Watches a way while something is expected to come over it.
   *
   * @throws `unavailable` when another way was found because this one is cut; otherwise never ends
   *   before the signal aborts, which rejects with its reason
   */
  async watch(route: NodeRoute, signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.#options.clock.sleep(QUIET_MS, signal);
      if (await this.#answers(route) || !await this.#search(route)) continue;
      throw new GitStratumError("unavailable", "Leave a way that leads to a node no more", {
        data: { node: route.node.id },
      });
    }
  }

  #straight(node: TopologyNode): NodeRoute {
    return { node, baseUrl: node.address, fetcher: this.#options.fetcherFor(node.address) };
  }

  #by(by: TopologyNode, node: TopologyNode): NodeRoute {
    const send = this.#options.fetcherFor(by.address);
    const fetcher: Fetcher = async (request) => {
      const response = await send(request);
      if (response.headers.get(RELAY_HEADER) === "passed") return response;
      await response.body?.cancel();
      throw new GitStratumError("unavailable", "Find nobody who passes a call on", {
        data: { node: node.id, by: by.id, status: response.status },
      });
    };
    return { node, by, baseUrl: relayedBaseUrl(by.address, node.id), fetcher };
  }

  /** Looks for another way than this one; whether there is one. Once at a time for each node. */
  #search(route: NodeRoute): Promise<boolean> {
    const { id } = route.node;
    let search = this.#searches.get(id);
    if (search === undefined) {
      search = this.#searchOnce(route).finally(() => this.#searches.delete(id));
      this.#searches.set(id, search);
    }
    return search;
  }

  async #searchOnce(lost: NodeRoute): Promise<boolean> {
    const { node } = lost;
    const known = this.#detours.get(node.id)?.route;
    // Somebody else who lost this way found another one meanwhile.
    if (known !== undefined && known.baseUrl !== lost.baseUrl && await this.#answers(known)) {
      return true;
    }
    // The lost way is asked at the same time: what is slow now is slow whichever way is taken.
    const others = this.#otherWays(lost);
    const [isBack, ...answering] = await Promise.all(
      [lost, ...others].map((route) => this.#answers(route)),
    );
    const found = others[answering.indexOf(true)];
    if (isBack || found === undefined) return false;
    this.#take(found);
    return true;
  }

  #otherWays(lost: NodeRoute): NodeRoute[] {
    const { topology, random, nodeId } = this.#options;
    const { node, by } = lost;
    const nodes = topology.current().nodes.filter(({ id, role, state }) =>
      id !== node.id && id !== by?.id && id !== nodeId && RELAYING_STATES.has(state) &&
      (role === "metadata" || role === "object")
    );
    // Those of its own kind first; who comes first among them is drawn.
    const start = nodes.length === 0 ? 0 : random.bytes(1)[0]! % nodes.length;
    const relays = [...nodes.slice(start), ...nodes.slice(0, start)]
      .sort((a, b) => Number(b.role === "metadata") - Number(a.role === "metadata"))
      .slice(0, RELAY_COUNT_MAX)
      .map((relay) => this.#by(relay, node));
    return by === undefined ? relays : [this.#straight(node), ...relays];
  }

  #take(route: NodeRoute): void {
    const { clock, logger } = this.#options;
    const { node, by } = route;
    if (by === undefined) {
      this.#detours.delete(node.id);
      return logger?.info("Reach a node by itself again", { node: node.id });
    }
    this.#detours.set(node.id, { route, probeAtMs: clock.monotonicMs() + PROBE_INTERVAL_MS });
    logger?.warn("Reach a node by another one only", { node: node.id, by: by.id });
  }

  async #probe(detour: Detour): Promise<void> {
    detour.probeAtMs = this.#options.clock.monotonicMs() + PROBE_INTERVAL_MS;
    const { node } = detour.route;
    const straight = this.#straight(node);
    if (await this.#answers(straight) && this.#detours.get(node.id) === detour) {
      this.#take(straight);
    }
  }

  /** Whether a node answers over a way, whatever it answers. Asked once at a time. */
  #answers(route: NodeRoute): Promise<boolean> {
    let ping = this.#pings.get(route.baseUrl);
    if (ping === undefined) {
      ping = this.#ping(route).finally(() => this.#pings.delete(route.baseUrl));
      this.#pings.set(route.baseUrl, ping);
    }
    return ping;
  }

  async #ping({ baseUrl, fetcher }: NodeRoute): Promise<boolean> {
    const over = new AbortController();
    const late = this.#options.clock.sleep(PING_MS_MAX, over.signal);
    const answer = fetcher(new Request(baseUrl + PING_PATH, { signal: over.signal }));
    try {
      const response = await Promise.race([answer, late]);
      await response?.body?.cancel();
      return response !== undefined;
    } catch {
      // Refused or broken off: that is the answer.
      return false;
    } finally {
      // Whichever of the two comes second has nobody to tell.
      answer.catch(() => undefined);
      late.catch(() => undefined);
      over.abort(WAIT_IS_OVER);
    }
  }
}
