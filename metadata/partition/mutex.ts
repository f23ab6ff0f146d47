/**
 * Mutual exclusion between asynchronous sections.
 *
 * @module
 */

/** Runs sections one after another, in the order of the calls. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs `section` when all earlier ones have ended, however they ended. */
  run<T>(section: () => Promise<T>): Promise<T> {
    const result = this.#last.then(section);
    // A failed section is its own caller's business, not that of the next one.
    this.#last = result.catch(() => undefined);
    return result;
  }
}
