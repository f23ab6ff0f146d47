/**
 * Events in the order of their times.
 *
 * @module
 */

/** Something that is going to happen. */
export interface QueuedEvent {
  /** When, in simulated milliseconds. */
  readonly atMs: number;
  /** Orders events of one moment. */
  readonly sequence: number;
  /** Named in the trace. */
  readonly label: string;
  /** What happens. */
  readonly run: () => void;
  /** Nobody wants it any more. */
  isCancelled: boolean;
}

/** A binary heap with the first event on top. */
export class EventHeap {
  readonly #events: QueuedEvent[] = [];

  /** Adds an event. */
  push(event: QueuedEvent): void {
    const events = this.#events;
    let index = events.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(events[parent]!, event)) break;
      events[index] = events[parent]!;
      index = parent;
    }
    events[index] = event;
  }

  /** Takes the first event out; undefined when there is none. */
  pop(): QueuedEvent | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (first === undefined || last === undefined || events.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= events.length) break;
      const right = child + 1;
      if (right < events.length && isBefore(events[right]!, events[child]!)) child = right;
      if (isBefore(last, events[child]!)) break;
      events[index] = events[child]!;
      index = child;
    }
    events[index] = last;
    return first;
  }
}

function isBefore(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
