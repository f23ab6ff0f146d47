/**
 * Long computations in slices, so that small requests are answered in between.
 *
 * Work is counted in steps, not in time, so that a run is the same on every machine.
 *
 * @module
 */

/** Steps of about 30 ns (a parent visited, a table row read) between two pauses: some 10 ms. */
export const SLICE_STEPS = 200_000;

/** Counts the steps of one computation and pauses it. */
export class Slices {
  #left = SLICE_STEPS;

  /** Counts `steps`; true when a pause is due. */
  spend(steps: number): boolean {
    this.#left -= steps;
    return this.#left <= 0;
  }

  /** Lets other work run. */
  async pause(): Promise<void> {
    this.#left = SLICE_STEPS;
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }
}

/** Steps that reading and decoding one object counts for. */
export const OBJECT_READ_STEPS = 400;
