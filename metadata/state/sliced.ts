/**
 * Long computations in slices, so that small requests are answered in between.
 *
 * A sliced computation is a generator that yields where it may pause. Whether it really pauses is up
 * to the driver; short ones run through in one go.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";

/** A computation that yields where it may pause, and returns its result. */
export type Sliced<T> = Generator<void, T, void>;

/** A slice may take this long, so that nobody waits much longer for the event loop. */
const SLICE_MS = 10;

/** Runs a sliced computation to its end, letting other work run about every 10 ms. */
export async function runSliced<T>(
  sliced: Sliced<T>,
  clock: Pick<Clock, "monotonicMs">,
): Promise<T> {
  let sliceStart = clock.monotonicMs();
  for (;;) {
    const step = sliced.next();
    if (step.done) return step.value;
    if (clock.monotonicMs() - sliceStart < SLICE_MS) continue;
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    sliceStart = clock.monotonicMs();
  }
}

/** Runs a sliced computation to its end without pausing. */
export function runWhole<T>(sliced: Sliced<T>): T {
  for (;;) {
    const step = sliced.next();
    if (step.done) return step.value;
  }
}
