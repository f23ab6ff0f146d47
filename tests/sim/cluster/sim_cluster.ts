/**
 * A whole cluster in one process on simulated time: the real code of every node.
 *
 * @module
 */

import { type Logger, SeededRandom } from "@gitstratum/core";
import type { ControlNode } from "@gitstratum/control";
import { MemoryConsensus } from "@gitstratum/core/consensus";
import { RELEASE_LEVEL } from "@gitstratum/core/rpc";
import type { OpenMetadataNode } from "@gitstratum/metadata";
import type { ObjectNode } from "@gitstratum/object";
import type { Mutation } from "../faults/mutation.ts";
import { SimLoop } from "../world/sim_loop.ts";
import { SimNetwork } from "../world/sim_network.ts";
import { SimProcess } from "../world/sim_process.ts";
import { CONTROL_IDS } from "./cluster_membership.ts";
import { CONTROL_ROLE } from "./control_role.ts";
import { frontendRole, type OpenedFrontend } from "./frontend_role.ts";
import { MetadataRole } from "./metadata_role.ts";
import { ObjectRole } from "./object_role.ts";
import type { ServedPartitions } from "./served_partitions.ts";
import { SimNode, type SimNodeWorld } from "./sim_node.ts";

/** A node of any role. */
export type AnySimNode = SimNode<ControlNode | OpenMetadataNode | ObjectNode | OpenedFrontend>;

/** How large a cluster is, and what is planted in it. */
export interface SimClusterOptions {
  readonly seed: number;
  readonly mutation: Mutation;
  /** Object nodes that run from the beginning; one more waits to be added. */
  readonly objectCount: number;
  /** Partitions that have nodes. */
  readonly served: ServedPartitions;
  /** Told of each line that a process logs. */
  readonly onLine?: (line: string) => void;
}

/** Revisions that the store remembers for watchers: few, so that slow ones miss some. */
const HISTORY_REVISION_COUNT = 600;
const METADATA_IDS = ["metadata-0", "metadata-1", "metadata-2"] as const;
const FRONTEND_IDS = ["frontend-0", "frontend-1"] as const;

/** Control, metadata and object nodes, frontends, and what is between them. */
export class SimCluster implements Disposable {
  readonly loop = new SimLoop();
  readonly network: SimNetwork;
  readonly store: MemoryConsensus;
  readonly control: readonly SimNode<ControlNode>[];
  readonly metadata: readonly SimNode<OpenMetadataNode>[];
  readonly metadataRoles: MetadataRole[] = [];
  readonly objects: SimNode<ObjectNode>[] = [];
  readonly objectRoles: ObjectRole[] = [];
  readonly frontends: readonly SimNode<OpenedFrontend>[];
  /** Errors that no fault explains. */
  readonly bugs: string[] = [];
  readonly #random: SeededRandom;
  readonly #mutation: Mutation;

  readonly #world: SimNodeWorld;
  readonly #onLine: (line: string) => void;

  /** Makes a cluster in which everything is off. */
  constructor(options: SimClusterOptions) {
    const { seed, mutation, onLine = () => {} } = options;
    this.#random = new SeededRandom(seed);
    this.#mutation = mutation;
    this.#onLine = onLine;
    this.network = new SimNetwork(this.loop, new SeededRandom(this.#random.next()));
    const machine = { wallOffsetMs: 0, rate: 1 };
    const { clock } = new SimProcess("etcd", { loop: this.loop, machine });
    this.store = new MemoryConsensus({
      clock,
      random: new SeededRandom(this.#random.next()),
      historyRevisionCount: HISTORY_REVISION_COUNT,
    });
    this.#world = {
      network: this.network,
      store: this.store,
      random: this.#random,
      releaseLevel: RELEASE_LEVEL,
      logger: (name, process) => this.#logger(name, process),
      onBug: (what, error) => {
        const stack = error instanceof Error ? error.stack ?? error.message : String(error);
        this.bugs.push(`${what}: ${stack}`);
      },
    };
    this.control = CONTROL_IDS.map((id) => this.#node(id, CONTROL_ROLE));
    this.metadata = METADATA_IDS.map((id) => {
      const role = new MetadataRole(mutation, options.served);
      this.metadataRoles.push(role);
      return this.#node(id, role);
    });
    for (let index = 0; index < options.objectCount; index++) this.addObjectNode();
    this.frontends = FRONTEND_IDS.map((id) =>
      this.#node(id, frontendRole(mutation, options.served))
    );
  }

  /** Programs that are started from now on are of this release, wherever. */
  install(releaseLevel: number): void {
    this.#world.releaseLevel = releaseLevel;
  }

  /** All nodes. */
  get nodes(): readonly AnySimNode[] {
    return [...this.control, ...this.metadata, ...this.objects, ...this.frontends] as AnySimNode[];
  }

  /** Starts every node. */
  start(): void {
    for (const node of this.nodes) node.start();
  }

  /** Adds an object node that is off. */
  addObjectNode(): SimNode<ObjectNode> {
    const role = new ObjectRole(this.#mutation);
    const node = this.#node(`object-${this.objects.length}`, role);
    this.objects.push(node);
    this.objectRoles.push(role);
    return node;
  }

  /** Ends everything. */
  [Symbol.dispose](): void {
    for (const node of this.nodes) node.crash("kill");
    for (const role of this.metadataRoles) role[Symbol.dispose]();
  }

  #node<Opened extends { readonly service: import("@gitstratum/core/rpc").Service }>(
    id: string,
    role: import("./sim_node.ts").SimRole<Opened>,
  ): SimNode<Opened> {
    return new SimNode(id, { world: this.#world, role });
  }

  #logger(name: string, process: SimProcess): Logger {
    const line = (level: string) => (message: string, data: unknown) => {
      if (!process.isAlive) return;
      this.#onLine(`${this.loop.nowMs.toFixed(3)} ${name} ${level} ${message} ${shown(data)}`);
    };
    const logger: Logger = {
      debug: () => {},
      info: line("info"),
      warn: line("warn"),
      error: line("error"),
      child: () => logger,
    };
    return logger;
  }
}

function shown(data: unknown): string {
  return Deno.inspect(data, { breakLength: Infinity, depth: 3, compact: true }).slice(0, 1500);
}
