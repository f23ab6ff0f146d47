/**
 * Assertions against our own mistakes. Always on.
 *
 * @module
 */

/** A broken invariant: a bug of this project, never a fault of its input. */
export class AssertionError extends Error {
  /** Makes the error; `message` states what should have held. */
  constructor(message: string) {
    super(`Assertion failed: ${message}`);
    this.name = "AssertionError";
  }
}

/** Throws {@link AssertionError} unless `condition` holds. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Marks a point that no value may reach: the default of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new AssertionError(`Unexpected value ${JSON.stringify(value)}`);
}
