/**
 * Metadata nodes in one process with a link from everybody to everybody, each of which can be cut.
 *
 * @module
 */

import { ManualClock } from "../../manual_clock.ts";
import { SeededRandom } from "../../seeded_random.ts";
import type { Fetcher, Service } from "../fetcher.ts";
import { PartitionRouter } from "../metadata/partition_router.ts";
import { NodeLinks } from "../relay/node_links.ts";
import { withRelay } from "../relay/node_relay.ts";
import { ManualTopology } from "../topology/manual_topology.ts";
import type { NodeId, TopologyNode } from "../topology/topology.ts";
import { sampleTopology } from "./topology_samples.ts";

/** How a link is cut: connections are refused, or nothing gets through and nobody is told. */
export type LinkCut = "refuses" | "swallows";

/** Nodes of which the first is the primary of everything, and others who call them. */
export class LinkedNodes {
  readonly clock = new ManualClock();
  readonly topology = new ManualTopology();
  /** Requests that were sent, with who sent them and to whom. */
  readonly sent: (readonly [from: string, to: string, path: string])[] = [];
  readonly #services = new Map<string, Service>();
  readonly #cuts = new Map<string, LinkCut>();
  #mended = Promise.withResolvers<void>();

  /** Starts nodes that answer with what they were asked; those in `old` can not pass calls on. */
  constructor(ids: readonly string[], options: { readonly old?: readonly string[] } = {}) {
    const { old = [] } = options;
    const { version: _, ...topology } = sampleTopology(1, ids);
    const partitions = topology.partitions.map(() => ({
      primary: ids[0] as NodeId,
      followers: [],
    }));
    this.topology.set({ ...topology, partitions });
    for (const id of ids) {
      const service: Service = {
        async fetch(request) {
          const { pathname, search } = new URL(request.url);
          if (pathname.startsWith("/link/")) return new Response(null, { status: 501 });
          const body = await request.text();
          return new Response(`${id} answers ${request.method} ${pathname}${search}: ${body}`);
        },
      };
      const parts = { topology: this.topology, fetcherFor: () => this.fetcher(id) };
      this.#services.set(id, old.includes(id) ? service : withRelay(service, parts));
    }
  }

  /** A node as the topology has it. */
  node(id: string): TopologyNode {
    return this.topology.current().nodes.find((node) => node.id === id)!;
  }

  /** Lets nothing pass from one to another. */
  cut(from: string, to: string, kind: LinkCut): void {
    this.#cuts.set(`${from}>${to}`, kind);
  }

  /** Lets everything pass again, what was held up first. */
  mend(): void {
    this.#cuts.clear();
    this.#mended.resolve();
    this.#mended = Promise.withResolvers();
  }

  /** How somebody sends requests. */
  fetcher(from: string): Fetcher {
    return async (request) => {
      const { hostname, pathname } = new URL(request.url);
      const to = hostname.replace(/\.test$/, "");
      this.sent.push([from, to, pathname]);
      const cut = this.#cuts.get(`${from}>${to}`);
      if (cut === "refuses") throw new TypeError("Refuse a connection");
      if (cut === "swallows") await this.#held(request);
      return await this.#services.get(to)!.fetch(request);
    };
  }

  /** What somebody sent to another that was no ping. */
  calls(from: string, to: string): string[] {
    return this.sent.filter(([by, at, path]) => by === from && at === to && !path.endsWith("/ping"))
      .map(([, , path]) => path);
  }

  /** The links of somebody. */
  links(from: string): NodeLinks {
    return new NodeLinks(this.#world(from));
  }

  /** A router of somebody. */
  router(from: string): PartitionRouter {
    return new PartitionRouter(this.#world(from));
  }

  /** Lets time pass until something is done. */
  async passing<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    // Whoever awaits the result below gets the failure.
    work.catch(() => undefined).finally(() => isDone = true);
    while (!isDone) await this.clock.advance(100);
    return await work;
  }

  #world(from: string) {
    const { topology, clock } = this;
    const fetcherFor = () => this.fetcher(from);
    return { topology, clock, random: new SeededRandom(1), fetcherFor, nodeId: from as NodeId };
  }

  #held({ signal }: Request): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.#mended.promise.then(resolve);
    });
  }
}
