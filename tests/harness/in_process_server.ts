/**
 * GitStratum in the test's own process, for cases about time: they bring the clock.
 *
 * @module
 */

import { type Clock, silentLogger, systemRandom } from "@gitstratum/core";
import type { Metadata } from "@gitstratum/core/rpc";
import { type AllInOne, startAllInOne } from "@gitstratum/frontend";
import type { GitServer } from "./git_server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temp.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };
/** Requests of tests are short. */
const DRAIN_MS = 5000;

/** A server over a temporary directory. */
export class InProcessServer implements GitServer {
  readonly origin: string;
  readonly #server: AllInOne;
  readonly #data: TemporaryDirectory;

  private constructor(server: AllInOne, data: TemporaryDirectory) {
    this.origin = server.url;
    this.#server = server;
    this.#data = data;
  }

  /** Starts a server that sees time by the given clock. */
  static async start(clock: Clock): Promise<InProcessServer> {
    const data = await temporaryDirectory();
    try {
      const server = await startAllInOne({
        dataDirectory: data.join("data"),
        http: LOOPBACK,
        ssh: LOOPBACK,
        readOnly: false,
        autoCreate: true,
        clock,
        random: systemRandom,
        logger: silentLogger,
        drainMs: DRAIN_MS,
      });
      return new InProcessServer(server, data);
    } catch (error) {
      await data[Symbol.asyncDispose]();
      throw error;
    }
  }

  url(repository: string): string {
    return `${this.origin}/${repository}.git`;
  }

  /** Its repositories, past all gates. */
  get metadata(): Metadata {
    return this.#server.metadata;
  }

  /** Clone URL of `owner/name` over SSH. */
  sshUrl(repository: string): string {
    return `${this.#server.sshUrl}/${repository}.git`;
  }

  async createRepository(
    name: string,
    options: { readonly objectFormat?: "sha1" | "sha256"; readonly defaultBranch?: string } = {},
  ): Promise<void> {
    const response = await fetch(`${this.origin}/api/v1/repos`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name, ...options }),
    });
    const text = await response.text();
    if (response.status !== 201) throw new Error(`Creating ${name} answered ${text}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
    await this.#data[Symbol.asyncDispose]();
  }
}
