/**
 * What the simulated network does to messages: how long they take, which are lost, which lines are cut.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import type { SimLoop } from "./sim_loop.ts";

/** How the network fares; changes while it is in use. */
export interface NetworkFaults {
  /** Probability that a message is lost with its connection. */
  loss: number;
  /** Probability that a request arrives a second time. */
  doubling: number;
  /** Probability that a request which seems lost arrives when nobody waits for its answer any more. */
  lingering: number;
  /** Probability that an answer breaks off within its body. */
  breaking: number;
  /** The longest usual time of a message, in milliseconds. */
  latencyMs: number;
  /** Probability of a message that takes up to a hundred times as long. */
  straggling: number;
  /** The longest time that the consensus store takes for a call, in milliseconds. */
  storeMs: number;
  /** A planted bug: what breaks off ends as if it were complete. */
  breaksLookComplete: boolean;
}

/** A network on which everything works. */
export const QUIET_NETWORK: Readonly<NetworkFaults> = {
  loss: 0,
  doubling: 0,
  // Where nothing is lost nothing lingers.
  lingering: 0.2,
  breaking: 0,
  latencyMs: 1,
  straggling: 0,
  storeMs: 0,
  breaksLookComplete: false,
};

/** The fate of messages. */
export class NetworkWeather {
  /** How it is. */
  readonly faults: NetworkFaults = { ...QUIET_NETWORK };
  /** Draws what happens to messages. */
  readonly random: SeededRandom;
  /** The time in which it happens. */
  readonly loop: SimLoop;
  /** Directed lines that swallow everything, `from>to`, and how many cuts each has. */
  readonly #cuts = new Map<string, number>();
  /** Whether requests may arrive twice, or when nobody waits any more. */
  repeats = true;
  #isHealed = Promise.withResolvers<void>();

  /** Makes fine weather. */
  constructor(loop: SimLoop, random: SeededRandom) {
    this.loop = loop;
    this.random = random;
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

  #mended(): void {
    this.#isHealed.resolve();
    this.#isHealed = Promise.withResolvers<void>();
  }
}
