/**
 * The network between simulated processes: HTTP exchanges that are late, lost, doubled, cut off in the
 * middle or never answered.
 *
 * It behaves as TCP under HTTP does. Bytes of one answer arrive in order or not at all; a line that is
 * cut swallows what is sent, and whoever waits learns of it late or never; a process that died resets
 * its connections; one that is stopped keeps them and says nothing. A request may arrive twice, because
 * something on its way repeated it. Each answer's body is cut at any byte.
 *
 * @module
 */

import { GitStratumError, type SeededRandom } from "@gitstratum/core";
import type { Fetcher } from "@gitstratum/core/rpc";
import { Exchange } from "./exchange.ts";
import type { SimHost } from "./sim_host.ts";
import type { SimLoop } from "./sim_loop.ts";
import { never, type SimProcess } from "./sim_process.ts";

/** How the network fares; changes while it is in use. */
export interface NetworkFaults {
  /** Probability that a message is lost with its connection. */
  loss: number;
  /** Probability that a request arrives a second time. */
  doubling: number;
  /** Probability that an answer breaks off within its body. */
  breaking: number;
  /** The longest usual time of a message, in milliseconds. */
  latencyMs: number;
  /** Probability of a message that takes up to a hundred times as long. */
  straggling: number;
  /** A planted bug: what breaks off ends as if it were complete. */
  breaksLookComplete: boolean;
}

/** A network on which everything works. */
export const QUIET_NETWORK: Readonly<NetworkFaults> = {
  loss: 0,
  doubling: 0,
  breaking: 0,
  latencyMs: 1,
  straggling: 0,
  breaksLookComplete: false,
};

/** The network. */
export class SimNetwork {
  /** How it fares. */
  readonly faults: NetworkFaults = { ...QUIET_NETWORK };
  /** Draws what happens to messages. */
  readonly random: SeededRandom;
  readonly loop: SimLoop;
  readonly #hosts = new Map<string, SimHost>();
  /** Directed lines that swallow everything, `from>to`, and how many cuts each has. */
  readonly #cuts = new Map<string, number>();
  #isHealed = Promise.withResolvers<void>();

  /** Makes a network without hosts. */
  constructor(loop: SimLoop, random: SeededRandom) {
    this.loop = loop;
    this.random = random;
  }

  /** Connects a host. */
  add(host: SimHost): void {
    this.#hosts.set(host.name, host);
  }

  /** A host by its name; undefined when there is none. */
  host(name: string): SimHost | undefined {
    return this.#hosts.get(name);
  }

  /**
   * Cuts what is sent from one host to another; the other direction stays.
   *
   * @returns what mends the line, as far as this cut is concerned
   */
  cut(from: string, to: string): () => void {
    const line = `${from}>${to}`;
    this.#cuts.set(line, (this.#cuts.get(line) ?? 0) + 1);
    return () => {
      const count = (this.#cuts.get(line) ?? 0) - 1;
      if (count > 0) this.#cuts.set(line, count);
      else this.#cuts.delete(line);
      this.#mended();
    };
  }

  /** Mends all lines. */
  heal(): void {
    this.#cuts.clear();
    this.#mended();
  }

  /** Whether what is sent from one host to another is swallowed. */
  isCut(from: string, to: string): boolean {
    return this.#cuts.has(`${from}>${to}`);
  }

  /** Resolves when a line is mended next time. */
  healed(): Promise<void> {
    return this.#isHealed.promise;
  }

  /** Whether something of this probability happens now. */
  happens(probability: number): boolean {
    return probability > 0 && this.random.chance(probability);
  }

  /** How long a message takes. */
  latencyMs(): number {
    const { latencyMs, straggling } = this.faults;
    const usual = 0.05 + this.random.below(latencyMs * 1000) / 1000;
    return this.happens(straggling) ? usual * (1 + this.random.below(100)) : usual;
  }

  /**
   * How a process on a host calls others. What is not made to be repeated, as a git client's push, is
   * repeated by nobody on its way.
   */
  fetcherOf(
    process: SimProcess,
    hostName: string,
    options: { readonly repeatable: boolean } = { repeatable: true },
  ): Fetcher {
    return async (request) => {
      if (!process.act()) return await never();
      request.signal.throwIfAborted();
      // Whatever is sent is all there is: a body made while it is sent is read to its end before.
      const body = request.body === null ? null : await request.bytes();
      const to = this.#hosts.get(new URL(request.url).hostname);
      if (to === undefined) throw new GitStratumError("invalid", "Call a host that exists");
      const exchange = new Exchange(this, {
        ...options,
        request,
        body,
        process,
        from: hostName,
        to,
      });
      return await exchange.response;
    };
  }

  #mended(): void {
    this.#isHealed.resolve();
    this.#isHealed = Promise.withResolvers<void>();
  }
}
