/**
 * A whole cluster on this machine, with the costs of its processes. What etcd costs is left out.
 *
 * @module
 */

import { LocalCluster } from "../../tests/harness/local_cluster.ts";
import type { Address, MeteredServer } from "./metered_server.ts";
import { peakBytes, processCpuSeconds, resetPeak } from "./process_usage.ts";

/** How often a cluster is looked at that may still be at work, in milliseconds. */
const SETTLE_INTERVAL_MS = 250;
const SETTLE_ROUND_COUNT_MAX = 40;
/** Signs of life and their answers cost a little, always. */
const IDLE_CPU_SHARE = 0.25;

/** A cluster, seen from one of its frontends. */
export class MeteredCluster implements MeteredServer {
  readonly name = "a cluster";
  readonly address: Address;
  readonly #cluster: LocalCluster;

  private constructor(cluster: LocalCluster, frontend: number) {
    this.#cluster = cluster;
    const { hostname, port } = new URL(cluster.frontends[frontend]!.url);
    this.address = { hostname, port: Number(port) };
  }

  /** Starts a cluster with so many nodes of each kind, and two frontends. */
  static async start(nodeCount: number): Promise<MeteredCluster> {
    const cluster = await LocalCluster.start({
      etcdCount: nodeCount,
      controlCount: nodeCount,
      metadataCount: nodeCount,
      objectCount: nodeCount,
      frontendCount: 2,
      frontendFlags: ["--log-level", "warn"],
      rehearses: true,
    });
    return new MeteredCluster(cluster, 0);
  }

  /** The same cluster, seen from another frontend. */
  at(frontend: number): MeteredCluster {
    return new MeteredCluster(this.#cluster, frontend);
  }

  /** Starts the first frontend anew, which forgets what it had in memory. */
  async restartFrontend(): Promise<void> {
    const [frontend] = this.#cluster.frontends;
    await frontend!.kill();
    await frontend!.start();
    await this.#cluster.serving();
  }

  /** Makes an empty repository. */
  createRepository(repository: string): Promise<void> {
    return this.#cluster.createRepository(repository);
  }

  path(repository: string): string {
    return `/${repository}.git`;
  }

  cpuSeconds(): number {
    return this.#pids().reduce((sum, pid) => sum + processCpuSeconds(pid), 0);
  }

  /** The peak of the largest process. */
  watchPeak(): () => number {
    for (const pid of this.#pids()) resetPeak(pid);
    return () => Math.max(...this.#pids().map(peakBytes));
  }

  /** Copies and checks go on behind the last byte of an answer. */
  async settle(): Promise<void> {
    let before = this.cpuSeconds();
    for (let round = 0; round < SETTLE_ROUND_COUNT_MAX; round++) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_INTERVAL_MS));
      const now = this.cpuSeconds();
      if (now - before <= IDLE_CPU_SHARE * SETTLE_INTERVAL_MS / 1000) return;
      before = now;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cluster[Symbol.asyncDispose]();
  }

  #pids(): number[] {
    return this.#cluster.nodes.map(({ pid }) => pid);
  }
}
