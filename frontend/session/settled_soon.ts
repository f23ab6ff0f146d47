/**
 * Tells a promise that waits for nothing from one that does, without a timer.
 *
 * @module
 */

/** Turns of the queue of microtasks: an answer comes through a dozen generators, each of a few turns. */
const TURN_COUNT = 100;

/**
 * Resolves when the promise has settled, however it did, or when that takes something else than work
 * of this moment: input, output, a timer. Never rejects; a rejection of the promise stays its owner's.
 *
 * @returns whether the promise has settled
 */
export async function settledSoon(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  const settle = () => void (isSettled = true);
  promise.then(settle, settle);
  for (let turn = 0; turn < TURN_COUNT && !isSettled; turn++) await undefined;
  return isSettled;
}
