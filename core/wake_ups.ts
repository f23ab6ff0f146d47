/**
 * Those who wait for the next time that something happens, each for as long as it likes.
 *
 * @module
 */

/** Waits for events that carry nothing: what changed is looked up by whoever was woken. */
export class WakeUps {
  readonly #waiting = new Set<() => void>();

  /** Wakes all who wait now. */
  wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const end of waiting) end();
  }

  /** Resolves at the next {@link WakeUps.wake}, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = () => {
        this.#waiting.delete(end);
        signal.removeEventListener("abort", end);
        resolve();
      };
      this.#waiting.add(end);
      signal.addEventListener("abort", end, { once: true });
    });
  }

  /** How many wait. */
  get count(): number {
    return this.#waiting.size;
  }
}
