/**
 * What goes wrong in a run: faults drawn from the seed, several at a time, each of which ends after a
 * while.
 *
 * It keeps to what the cluster is built for. At most one object node loses its disk or bits of it in a
 * run, as acknowledged extents are promised on two nodes. The store may be away for a while, but never
 * loses anything.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import type { Operator } from "../clients/operator.ts";
import type { SimCluster } from "../cluster/sim_cluster.ts";
import type { Ending } from "../cluster/sim_node.ts";
import type { Mutation } from "./mutation.ts";
import { type Fault, weightedFaults } from "./fault.ts";
import { QUIET_NETWORK } from "../world/network_weather.ts";
import { STORE_HOST } from "../world/sim_consensus.ts";

/** Time between two faults, in milliseconds. */
const PAUSE_MS_MAX = 4000;
/** How long a fault lasts, in milliseconds. */
const LENGTH_MS_MAX = 12_000;
/** Longer than any lease and the time after which nodes are given up, in milliseconds. */
const OLD_WORLD_MS = 14_000;
/** An act in which a process crashes is one of so many to come. */
const ACT_COUNT_MAX = 400;
/** A slow store takes so long for a call at most, in milliseconds. */
const STORE_MS_MAX = 2500;
/** A process that is restarted is away for so long at most, in milliseconds. */
const RESTART_MS_MAX = 1500;
/** A wall clock jumps by so much at most, in milliseconds. */
const JUMP_MS_MAX = 3600_000;

/** Where object nodes keep their segments. */
const SEGMENTS = "segments";

/** From one host to another. */
type Line = readonly [string, string];

/** Makes things go wrong. */
export class Nemesis {
  readonly #cluster: SimCluster;
  readonly #random: SeededRandom;
  readonly #operator: Operator;
  readonly #mutation: Mutation;
  /** What ends each fault that lasts. */
  readonly #remedies = new Set<() => void>();
  readonly #counts = new Map<Fault, number>();
  #isOver = false;
  #mayDestroy = true;

  /** Makes a nemesis that waits. */
  constructor(
    cluster: SimCluster,
    parts: {
      readonly random: SeededRandom;
      readonly operator: Operator;
      readonly mutation: Mutation;
    },
  ) {
    this.#cluster = cluster;
    this.#random = parts.random;
    this.#operator = parts.operator;
    this.#mutation = parts.mutation;
  }

  /** How often each fault happened. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Begins; goes on until {@link end}. */
  start(): void {
    if (this.#isOver) return;
    this.#cluster.loop.after(this.#random.below(PAUSE_MS_MAX), "nemesis", () => {
      if (this.#isOver) return;
      this.#strike(this.#draw());
      this.start();
    });
  }

  /** Ends every fault: what is down starts, what is cut is mended. */
  end(): void {
    this.#isOver = true;
    for (const remedy of [...this.#remedies]) remedy();
    const { network, nodes, objectRoles, metadataRoles } = this.#cluster;
    Object.assign(network.faults, QUIET_NETWORK);
    network.heal();
    for (const role of objectRoles) clear(role.disk.faults);
    for (const role of metadataRoles) clear(role.faults);
    for (const node of nodes) {
      node.process?.crashAfter(Infinity, () => {});
      node.process?.resume();
      node.start();
    }
  }

  #draw(): Fault {
    const faults = weightedFaults(this.#mutation.weights);
    const sum = faults.reduce((total, [, weight]) => total + weight, 0);
    let lot = this.#random.below(sum);
    for (const [fault, weight] of faults) {
      lot -= weight;
      if (lot < 0) return fault;
    }
    return "crash";
  }

  #strike(fault: Fault): void {
    const { loop } = this.#cluster;
    loop.trace.add(loop.nowMs, `nemesis: ${fault}`);
    this.#counts.set(fault, (this.#counts.get(fault) ?? 0) + 1);
    switch (fault) {
      case "crash":
        return this.#crash(this.#pick(this.#cluster.nodes), this.#pick(["kill", "power"]));
      case "power of all object nodes":
        for (const node of this.#cluster.objects) this.#crash(node, "power", 0);
        return;
      case "lose a disk":
        return this.#loseDisk();
      case "rot":
        return this.#rot();
      case "stop":
        return this.#stop();
      case "cut one line":
        return this.#cutLine();
      case "isolate":
        return this.#isolate();
      case "cut off from the store":
        return this.#cutFromStore();
      case "old world":
        return this.#splitWorld();
      case "bad network":
        return this.#spoilNetwork();
      case "slow disk":
      case "full disk":
      case "failing disk":
        return this.#spoilDisk(fault);
      case "slow tables":
      case "full tables":
      case "failing tables":
        return this.#spoilTables(fault, [this.#random.below(this.#cluster.metadata.length)]);
      case "all tables full":
        return this.#spoilTables("full tables", [...this.#cluster.metadata.keys()]);
      case "store away":
        return this.#cut(this.#lines(STORE_HOST, this.#cluster.nodes.map(({ id }) => id)));
      case "slow store":
        return this.#slowStore();
      case "spoiled cache":
        return this.#spoilCache();
      case "clock jump":
        this.#pick(this.#cluster.nodes).host.clock.wallOffsetMs = this.#random.below(JUMP_MS_MAX) -
          JUMP_MS_MAX / 2;
        return;
      case "drain":
        return this.#drain();
      case "pause repairs":
        return this.#pauseRepairs();
      case "add a node":
        if (this.#cluster.objects.length < 5) this.#cluster.addObjectNode().start();
        return;
      case "chores":
        // What chores meet is their own affair.
        void this.#pick(this.#cluster.metadata).opened?.upkeep().catch(() => undefined);
        return;
    }
  }

  #crash(
    node: SimCluster["nodes"][number],
    ending: Ending,
    inActs = this.#random.below(ACT_COUNT_MAX),
  ): void {
    if (node.process === undefined) return;
    node.crash(ending, inActs);
    const { process } = node;
    this.#lasting(() => {
      // The act may never have come.
      if (process?.isAlive) node.crash(ending);
      node.start();
    });
  }

  #loseDisk(): void {
    const isObject = this.#random.chance(0.4) && this.#mayDestroy;
    if (isObject) this.#mayDestroy = false;
    const { objects, metadata } = this.#cluster;
    this.#crash(isObject ? this.#pick(objects) : this.#pick(metadata), "lose", 0);
  }

  /** Turns a bit of what one object node keeps. */
  #rot(): void {
    if (!this.#mayDestroy) return;
    const { disk } = this.#pick(this.#cluster.objectRoles);
    const files = disk.list(SEGMENTS).filter((name) => name.endsWith(".seg"));
    const name = files[this.#random.below(Math.max(1, files.length))];
    if (name === undefined) return;
    this.#mayDestroy = false;
    const file = disk.open(`${SEGMENTS}/${name}`, { write: true });
    const offset = this.#random.below(Math.max(1, file.size()));
    const byte = new Uint8Array(1);
    if (file.readAt(byte, offset) === 1) {
      byte[0]! ^= 1 << this.#random.below(8);
      file.writeAt(byte, offset);
    }
    file.close();
  }

  #stop(): void {
    const { process } = this.#pick(this.#cluster.nodes);
    process?.stop();
    this.#lasting(() => process?.resume());
  }

  #cutLine(): void {
    const names = this.#cluster.nodes.map(({ id }) => id as string);
    const from = this.#pick(names);
    const to = this.#pick(names);
    const isWhole = this.#random.chance(0.5);
    this.#cut(isWhole ? [[from, to], [to, from]] : [[from, to]]);
  }

  /** Cuts a node off from all others, in one direction or in both. */
  #isolate(): void {
    const { nodes } = this.#cluster;
    const { id } = this.#pick(nodes);
    this.#cut(this.#lines(id, [...nodes.map((other) => other.id as string), STORE_HOST]));
  }

  #cutFromStore(): void {
    const { id } = this.#pick([...this.#cluster.metadata, ...this.#cluster.control]);
    this.#cut(this.#lines(id, [STORE_HOST]));
  }

  /**
   * One metadata node and one frontend hear neither the control plane nor the store nor anybody who
   * does: what they know gets old. Each still hears the other, and the frontend its clients.
   */
  #splitWorld(): void {
    const { nodes, metadata, frontends, control } = this.#cluster;
    const { opened } = this.#pick(control);
    // Partition 0 is served in every cluster: its primary has something that can get old.
    const primary = opened?.newestTopology().partitions[0]?.primary ?? this.#pick(metadata).id;
    const apart: readonly string[] = [primary, this.#pick(frontends).id];
    const others = [...nodes.map(({ id }) => id as string), STORE_HOST]
      .filter((id) => !apart.includes(id) && !id.startsWith("object"));
    const lines = apart.flatMap((id) =>
      others.flatMap((other): Line[] => [[id, other], [other, id]])
    );
    this.#cut(lines, OLD_WORLD_MS);
  }

  /** Lines from a node, to it, or both. */
  #lines(id: string, others: readonly string[]): Line[] {
    const direction = this.#random.below(3);
    return others.flatMap((other): Line[] => [
      ...(direction === 1 ? [] : [[id, other] as const]),
      ...(direction === 2 ? [] : [[other, id] as const]),
    ]);
  }

  #cut(lines: readonly Line[], ms?: number): void {
    const mends = lines.map(([from, to]) => this.#cluster.network.cut(from, to));
    this.#lasting(() => {
      for (const mend of mends) mend();
    }, ms);
  }

  #spoilNetwork(): void {
    const { faults } = this.#cluster.network;
    const random = this.#random;
    faults.loss = random.below(150) / 1000;
    faults.doubling = random.below(200) / 1000;
    faults.breaking = random.below(150) / 1000;
    faults.straggling = random.below(200) / 1000;
    faults.latencyMs = 1 + random.below(60);
    this.#lasting(() => Object.assign(faults, QUIET_NETWORK, this.#mutation.network));
  }

  #spoilDisk(how: "slow disk" | "full disk" | "failing disk"): void {
    const role = this.#pick(this.#cluster.objectRoles);
    const { disk: { faults, bytes } } = role;
    const { loop } = this.#cluster;
    switch (how) {
      case "slow disk":
        faults.delaySync = () =>
          new Promise((resolve) => void loop.after(this.#random.below(3000), "slow sync", resolve));
        break;
      case "full disk":
        faults.capacityBytes = bytes + this.#random.below(2000);
        break;
      case "failing disk":
        faults.failSync = () => this.#random.chance(0.5);
        break;
    }
    this.#lasting(() => clear(role.disk.faults));
  }

  #spoilTables(
    how: "slow tables" | "full tables" | "failing tables",
    places: readonly number[],
  ): void {
    const random = this.#random;
    const lengthMs = 200 + random.below(LENGTH_MS_MAX);
    for (const place of places) {
      const { faults } = this.#cluster.metadataRoles[place]!;
      switch (how) {
        case "slow tables":
          faults.delayMs = () => random.below(2000);
          faults.standsStill = random.chance(0.3);
          break;
        case "full tables":
          faults.full = { pageCount: random.below(5), commitCount: random.below(4) };
          if (random.chance(0.3)) this.#restart(this.#cluster.metadata[place]!);
          break;
        case "failing tables":
          faults.fails = () => random.chance(0.5);
          break;
      }
      this.#lasting(() => clear(faults), lengthMs);
    }
  }

  /** Ends a process of which another one follows soon. */
  #restart(node: SimCluster["nodes"][number]): void {
    node.crash("kill");
    this.#lasting(() => node.start(), this.#random.below(RESTART_MS_MAX));
  }

  /** The store takes its time for everything. */
  #slowStore(): void {
    const { faults } = this.#cluster.network;
    faults.storeMs = 1 + this.#random.below(STORE_MS_MAX);
    this.#lasting(() => void (faults.storeMs = 0));
  }

  /** A frontend's cache has no more room, or what it keeps becomes shorter. */
  #spoilCache(): void {
    const disk = this.#pick(this.#cluster.frontends).opened?.bounds.cacheDisk;
    if (disk === undefined) return;
    if (this.#random.chance(0.5)) {
      disk.faults.capacityBytes = disk.bytes + this.#random.below(500);
      return this.#lasting(() => clear(disk.faults));
    }
    for (const name of disk.list("")) {
      const file = disk.open(name, { write: true });
      file.truncate(this.#random.below(file.size() + 1));
      file.close();
    }
  }

  /** An operator drains a node, and takes it back. */
  #drain(): void {
    const { metadata, objects } = this.#cluster;
    const { id } = this.#pick([...metadata, ...objects]);
    void this.#operator.setDraining(id, true);
    this.#lasting(() => void this.#operator.setDraining(id, false));
  }

  /** An operator holds up the repairs of a node, and lets them go on. */
  #pauseRepairs(): void {
    const { id } = this.#pick(this.#cluster.objects);
    void this.#operator.setRepairPaused(id, true);
    this.#lasting(() => void this.#operator.setRepairPaused(id, false));
  }

  #lasting(remedy: () => void, ms = 200 + this.#random.below(LENGTH_MS_MAX)): void {
    const once = () => {
      if (this.#remedies.delete(once)) remedy();
    };
    this.#remedies.add(once);
    this.#cluster.loop.after(ms, "nemesis relents", once);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }
}

function clear(faults: object): void {
  for (const name of Object.keys(faults)) delete (faults as Record<string, unknown>)[name];
}
