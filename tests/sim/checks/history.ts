/**
 * What clients did and heard, in the order in which it began and ended.
 *
 * @module
 */

/** What a client did. */
export interface Operation<What> {
  readonly what: What;
  /** Who did it, through which frontend: for people. */
  readonly who: string;
  /** Its place among all beginnings and ends. */
  readonly begin: number;
  /** Infinity: it may take effect at any time, or never. */
  readonly end: number;
}

/** Operations of a run, by what they were done to. */
export class History<What> {
  readonly #operations = new Map<string, Operation<What>[]>();
  #tick = 0;

  /** The place of something that begins or ends now. */
  tick(): number {
    return this.#tick++;
  }

  /** Adds an operation. */
  add(subject: string, operation: Operation<What>): void {
    const operations = this.#operations.get(subject);
    if (operations === undefined) this.#operations.set(subject, [operation]);
    else operations.push(operation);
  }

  /** All operations on a subject. */
  of(subject: string): readonly Operation<What>[] {
    return this.#operations.get(subject) ?? [];
  }

  /** What something was done to. */
  get subjects(): readonly string[] {
    return [...this.#operations.keys()];
  }
}
