/**
 * GitStratum as its users start it, with its costs.
 *
 * @module
 */

import { GitStratumServer } from "../../tests/harness/gitstratum_server.ts";
import type { Address, MeteredServer } from "./metered_server.ts";
import { peakBytes, processCpuSeconds, resetPeak } from "./process_usage.ts";

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
  static async start(dataDirectory: string): Promise<MeteredGitStratum> {
    const flags = ["--log-level", "warn"];
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

  settle(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}
