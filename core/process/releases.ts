/**
 * What a process has to release before it ends, in reverse order of its making.
 *
 * @module
 */

/** A stack of steps that undo a start, whole or half done. */
export class Releases {
  readonly #steps: (() => void | Promise<void>)[] = [];

  /**
   * Opens something that takes several steps. What was made until one failed is released.
   *
   * @throws what `open` throws
   */
  static async opening<Opened>(open: (releases: Releases) => Promise<Opened>): Promise<Opened> {
    const releases = new Releases();
    try {
      return await open(releases);
    } catch (error) {
      await releases.run();
      throw error;
    }
  }

  /** Notes how to release what was just made. */
  add(release: () => void | Promise<void>): void {
    this.#steps.push(release);
  }

  /**
   * Runs the steps, newest first, each of them once. One that fails keeps none of the others from
   * running.
   *
   * @throws the first failure, after the last step
   */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
