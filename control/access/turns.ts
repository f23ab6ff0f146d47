/**
 * Work of one process that is done one after the other.
 *
 * @module
 */

import { ACCESS_QUEUE_COUNT_MAX, GitStratumError } from "@gitstratum/core";

/** Gives turns, in the order in which they were asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #waitingCount = 0;

  /** Does the work when everything before has ended. @throws `unavailable` when too many wait */
  take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waitingCount >= ACCESS_QUEUE_COUNT_MAX) {
      throw new GitStratumError("unavailable", "Have too many changes of access records waiting", {
        data: { countMax: ACCESS_QUEUE_COUNT_MAX },
      });
    }
    this.#waitingCount++;
    const turn = this.#last.then(work).finally(() => this.#waitingCount--);
    // Whoever comes next does not care how this one ended; its caller hears it.
    this.#last = turn.catch(() => {});
    return turn;
  }
}
