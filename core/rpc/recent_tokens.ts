/**
 * Tokens of the last moments by what they are for, so that a call which is made again soon is neither
 * signed nor checked anew.
 *
 * Invariant: bounded; those noted longest ago go first. A token that is not here costs its making, and
 * nothing else.
 *
 * @module
 */

/** Some hundred bytes each: more than a busy node says in a second, or hears. */
const TOKEN_COUNT_MAX = 1024;
/** What is longer is rare, and not kept. */
const KEY_LENGTH_MAX = 1024;

/** What is known of recent tokens. */
export class RecentTokens<T> {
  /** In the order in which they were noted. */
  readonly #known = new Map<string, T>();

  /** How many are known. */
  get count(): number {
    return this.#known.size;
  }

  /** What was noted last. */
  get(key: string): T | undefined {
    return this.#known.get(key);
  }

  /** Takes note. */
  note(key: string, value: T): void {
    if (key.length > KEY_LENGTH_MAX) return;
    this.#known.delete(key);
    this.#known.set(key, value);
    if (this.#known.size > TOKEN_COUNT_MAX) this.#known.delete(this.#known.keys().next().value!);
  }
}
