/**
 * The forks that clients of a run made, as far as they know.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";

/** A repository as clients speak of it. */
export interface Place {
  /** Its first name, which stands for it in histories. */
  readonly id: string;
  /** The repository from which all of its network came: histories are those of networks. */
  readonly network: string;
  /** Its name of now. */
  readonly name: string;
}

/** A fork; what clients believe of it may be wrong, where an answer was lost. */
export interface Fork {
  readonly id: string;
  readonly network: string;
  name: string;
  /** Whether clients believe that it lives; otherwise that it was deleted and may come back. */
  isLiving: boolean;
  /** Whether the name is certain: no answer about a new one was lost. */
  isNameSure: boolean;
}

/** All forks. */
export class ForkBook {
  readonly #forks: Fork[] = [];

  /** Every fork that was not removed for good. */
  get all(): readonly Fork[] {
    return this.#forks;
  }

  /** Adds one. */
  add({ id, network }: Pick<Fork, "id" | "network">): void {
    this.#forks.push({ id, network, name: id, isLiving: true, isNameSure: true });
  }

  /** Forgets one that is gone for good. */
  forget(fork: Fork): void {
    this.#forks.splice(this.#forks.indexOf(fork), 1);
  }

  /** Some fork of a network; undefined when there is none. */
  pick(random: SeededRandom, which: (fork: Fork) => boolean): Fork | undefined {
    const fitting = this.#forks.filter(which);
    return fitting[random.below(Math.max(1, fitting.length))];
  }
}

/** A repository that was not forked from another. */
export function rootPlace(name: string): Place {
  return { id: name, network: name, name };
}
