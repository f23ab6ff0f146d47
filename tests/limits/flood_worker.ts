/**
 * A thread that asks one URL over many connections until it is told to stop, then tells how many
 * answers of each status came. A thread of its own, so that it floods the server and not the test.
 *
 * @module
 */

/** What the thread is told: what to ask, over how many connections; nothing more = stop. */
export interface FloodOrder {
  readonly url: string;
  readonly connections: number;
}

/** Answers by status. */
export type FloodStatuses = ReadonlyMap<number, number>;

declare const self: {
  onmessage: ((event: MessageEvent<FloodOrder | "stop">) => void) | null;
  postMessage(statuses: FloodStatuses): void;
};

const statuses = new Map<number, number>();
let isStopped = false;

async function ask(url: string): Promise<void> {
  while (!isStopped) {
    const response = await fetch(url);
    await response.body?.cancel();
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
  }
}

self.onmessage = async ({ data: order }) => {
  if (order === "stop") {
    isStopped = true;
    return;
  }
  await Promise.all(Array.from({ length: order.connections }, () => ask(order.url)));
  self.postMessage(statuses);
};
