/**
 * Work done ahead of its consumer: up to a fixed number of tasks run at once, results come in order.
 *
 * Invariants: never more than `ahead` results are started and not yet consumed; after the consumer
 * stops or a task fails, no further task is started and the source is closed.
 *
 * @module
 */

import { assert } from "@gitstratum/core";

/**
 * Applies `perform` to every item of `source`, `ahead` at a time, and yields the results in order.
 * A failure of a task surfaces when its turn comes.
 */
export async function* readAhead<Item, Result>(
  source: AsyncIterable<Item>,
  perform: (item: Item) => Promise<Result>,
  options: { readonly ahead: number },
): AsyncGenerator<Result> {
  assert(options.ahead >= 1, "At least one task runs");
  const iterator = source[Symbol.asyncIterator]();
  const running: Promise<Result>[] = [];
  let ended = false;
  try {
    while (true) {
      while (!ended && running.length < options.ahead) {
        const next = await iterator.next();
        if (next.done) ended = true;
        else running.push(started(perform(next.value)));
      }
      const first = running.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    if (!ended) await iterator.return?.();
  }
}

/** The same promise; a rejection that nobody comes to see, because an earlier one ended it all, is no crash. */
function started<T>(task: Promise<T>): Promise<T> {
  task.catch(() => undefined);
  return task;
}
