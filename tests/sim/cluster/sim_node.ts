/**
 * One node of the simulated cluster over all lives of its process: a supervisor starts it anew when it
 * died or asked for it.
 *
 * @module
 */

import { type Logger, type Random, SeededRandom } from "@gitstratum/core";
import type { Consensus } from "@gitstratum/core/consensus";
import type { NodeFetchers } from "@gitstratum/core/process";
import type { NodeId, Service } from "@gitstratum/core/rpc";
import { SimConsensus } from "../world/sim_consensus.ts";
import type { SimHost } from "../world/sim_host.ts";
import type { SimLoop } from "../world/sim_loop.ts";
import type { SimNetwork } from "../world/sim_network.ts";
import { SimProcess } from "../world/sim_process.ts";
import type { Clock } from "@gitstratum/core";

/** How a process ends. */
export type Ending =
  /** SIGKILL: everything written is there. */
  | "kill"
  /** The machine loses its power: what was not synced may be lost. */
  | "power"
  /** The machine comes back with an empty disk. */
  | "lose";

/** The world of a process of a node. */
export interface SimGround {
  readonly id: NodeId;
  readonly url: string;
  readonly process: SimProcess;
  readonly loop: SimLoop;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly fetchers: NodeFetchers;
  readonly consensus: Consensus;
  /** The newest release level that the process speaks. */
  readonly releaseLevel: number;
  /** Asks the supervisor for another process. */
  readonly onFatal: (error: unknown) => void;
}

/** What a role is to a simulated node. */
export interface SimRole<Opened extends { readonly service: Service }> {
  /** Opens the role; what it does when it has ended is nobody's business. */
  open(ground: SimGround, listen: (service: Service) => void): Promise<Opened>;
  /** What the end of the process does to the node's disks. */
  ended(ending: Ending, random: SeededRandom): void;
}

/** Everything that nodes have in common. */
export interface SimNodeWorld {
  readonly network: SimNetwork;
  readonly store: Consensus;
  readonly random: SeededRandom;
  /** The newest release level of programs that are started now. */
  releaseLevel: number;
  /** A logger of a process. */
  readonly logger: (name: string, process: SimProcess) => Logger;
  /** Told of errors that no fault explains. */
  readonly onBug: (what: string, error: unknown) => void;
}

/** The supervisor waits so long before it starts a process that failed, in milliseconds. */
const RESTART_MS = 1000;

/** A node. */
export class SimNode<Opened extends { readonly service: Service }> {
  readonly id: NodeId;
  readonly host: SimHost;
  readonly #world: SimNodeWorld;
  readonly #role: SimRole<Opened>;
  #process: SimProcess | undefined;
  #opened: Opened | undefined;
  #life = 0;

  /** Makes a node that is off. */
  constructor(
    id: string,
    parts: { readonly world: SimNodeWorld; readonly role: SimRole<Opened> },
  ) {
    this.id = id as NodeId;
    this.#world = parts.world;
    this.#role = parts.role;
    const { random } = parts.world;
    // Clocks of machines differ in speed by up to a per mille.
    const rate = 1 + (random.below(2001) - 1000) / 1e6;
    this.host = {
      name: id,
      clock: { wallOffsetMs: random.below(400) - 200, rate },
      listener: undefined,
    };
    parts.world.network.add(this.host);
  }

  /** The process; undefined while there is none. */
  get process(): SimProcess | undefined {
    return this.#process?.isAlive ? this.#process : undefined;
  }

  /** The role; undefined while it opens or the node is off. */
  get opened(): Opened | undefined {
    return this.process === undefined ? undefined : this.#opened;
  }

  /** Starts a process, unless one lives. */
  start(): void {
    if (this.process !== undefined) return;
    const { network, store, random, logger } = this.#world;
    const name = `${this.id}.${++this.#life}`;
    const process = new SimProcess(name, { loop: network.loop, machine: this.host.clock });
    this.#process = process;
    this.#opened = undefined;
    const fetcher = network.fetcherOf(process, this.host.name);
    const ground: SimGround = {
      id: this.id,
      url: `http://${this.id}`,
      process,
      loop: network.loop,
      clock: process.clock,
      random: new SeededRandom(random.next()),
      logger: logger(name, process),
      fetchers: { signed: fetcher, plain: fetcher, close: () => {} },
      consensus: new SimConsensus({ store, network, process, host: this.host.name }),
      releaseLevel: this.#world.releaseLevel,
      onFatal: (error) => this.#fail(process, error),
    };
    const listen = (service: Service) => {
      if (process.isAlive) this.host.listener = { process, service };
    };
    this.#role.open(ground, listen).then((opened) => {
      if (process.isAlive) this.#opened = opened;
    }, (error) => this.#fail(process, error));
  }

  /** Ends the process, now or in an act of its own that is to come. */
  crash(ending: Ending, inActs = 0): void {
    const { process } = this;
    if (process === undefined) return;
    if (inActs > 0) process.crashAfter(inActs, () => this.#end(process, ending));
    else this.#end(process, ending);
  }

  #end(process: SimProcess, ending: Ending): void {
    if (!process.isAlive) return;
    this.#world.network.loop.trace.add(this.#world.network.loop.nowMs, `${process.name} ${ending}`);
    process.end();
    this.host.listener = undefined;
    this.#opened = undefined;
    this.#role.ended(ending, this.#world.random);
  }

  /** A process that can not go on ends by itself, and is started again. */
  #fail(process: SimProcess, error: unknown): void {
    if (!process.isAlive) return;
    this.#world.onBug(`${process.name} fails`, error);
    this.#end(process, "kill");
    this.#world.network.loop.after(RESTART_MS, `${this.id} starts anew`, () => this.start());
  }
}
