/**
 * The check that stands between a measurement and its row.
 *
 * @module
 */

/** Throws unless a result is what it should be. */
export function verify(holds: boolean, what: string): void {
  if (!holds) throw new Error(`A result is wrong: ${what}`);
}
