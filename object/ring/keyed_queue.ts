/**
 * Work that is done in order for each key, and at the same time for different keys.
 *
 * @module
 */

/** Queues by key. */
export class KeyedQueue<K> {
  readonly #last = new Map<K, Promise<unknown>>();

  /** Runs `work` when all earlier work of its key has ended, however that came. */
  run<T>(key: K, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    // Errors are for those who asked for that work, not for those behind them.
    const running = before === undefined ? work() : before.then(work, work);
    const ended: Promise<void> = running.then(() => {}, () => {}).then(() => {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    });
    this.#last.set(key, ended);
    return running;
  }
}
