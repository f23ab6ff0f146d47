/**
 * GitStratum as its users start it, with its costs.
 *
 * @module
 */

import { GitStratumServer } from "../../tests/harness/gitstratum_server.ts";
import type { Address, MeteredServer } from "./metered_server.ts";
import { peakBytes, processCpuSeconds, resetPeak } from "./process_usage.ts";

/** How often a server is looked at that may still be at work, in milliseconds. */
const SETTLE_INTERVAL_MS = 50;
/** A server that never rests has its costs counted up to here. */
const SETTLE_ROUND_COUNT_MAX = 100;
/** A server that used no more in one interval is idle: one tick of the kernel's clock. */
const IDLE_CPU_SECONDS = 0.011;

/** A server over a data directory that outlives it. */
export class MeteredGitStratum implements MeteredServer {
  readonly name = "GitStratum";
  readonly address: Address;
  readonly #server: GitStratumServer;

  private constructor(server: GitStratumServer) {
    this.#server = server;
    const { hostname, port } = new URL(server.origin);
    this.address = { hostname, port: Number(port) };
  }

  /** Starts a process; only trouble is logged. */
  static async start(
    dataDirectory: string,
    options: { readonly isWarm?: boolean } = {},
  ): Promise<MeteredGitStratum> {
    const warmth = options.isWarm === false ? ["--warm-start", "0"] : [];
    const flags = ["--log-level", "warn", ...warmth];
    return new MeteredGitStratum(await GitStratumServer.start({ dataDirectory, flags }));
  }

  /** Process id. */
  get pid(): number {
    return this.#server.pid;
  }

  path(repository: string): string {
    return `/${repository}.git`;
  }

  /** Makes an empty repository. */
  createRepository(repository: string, defaultBranch: string): Promise<void> {
    return this.#server.createRepository(repository, { defaultBranch });
  }

  cpuSeconds(): number {
    return processCpuSeconds(this.pid);
  }

  watchPeak(): () => number {
    resetPeak(this.pid);
    return () => peakBytes(this.pid);
  }

  /** A stored pack is checked behind the last byte of its answer: that belongs to what it cost. */
  async settle(): Promise<void> {
    let before = this.cpuSeconds();
    for (let round = 0; round < SETTLE_ROUND_COUNT_MAX; round++) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_INTERVAL_MS));
      const now = this.cpuSeconds();
      if (now - before <= IDLE_CPU_SECONDS) return;
      before = now;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}
