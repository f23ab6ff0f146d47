/**
 * A thread that clones: see `clone_workers.ts`.
 *
 * @module
 */

import type { CloneOrder, CloneOutcome } from "./clone_workers.ts";
import { encodeHead, writeAll } from "./http_exchange.ts";
import { PackStream, type StreamedPack } from "./pack_stream.ts";
import { fetchRequest } from "./upload_requests.ts";

declare const self: {
  onmessage: ((event: MessageEvent<CloneOrder>) => void) | null;
  postMessage(outcome: CloneOutcome): void;
};

const READ_BYTES = 1024 * 1024;
/** Hashing all would take the processor away from the server that is measured. */
const HASHED_EVERY = 8;

async function cloneOnce(order: CloneOrder, number: number): Promise<StreamedPack> {
  const stream = new PackStream({ hashed: number % HASHED_EVERY === 0 });
  using connection = await Deno.connect(order.address);
  const request = fetchRequest(order.path, { wants: order.wants });
  await writeAll(connection, encodeHead(order.address, request));
  await writeAll(connection, request.body!);
  const buffer = new Uint8Array(READ_BYTES);
  while (true) {
    const count = await connection.read(buffer);
    if (count === null) return stream.finish();
    stream.push(buffer.subarray(0, count));
    if (stream.done) return stream.finish();
  }
}

self.onmessage = async ({ data: order }) => {
  const numbers = Array.from({ length: order.count }, (_, number) => number);
  try {
    const packs = await Promise.all(numbers.map((number) => cloneOnce(order, number)));
    self.postMessage({ kind: "done", packs });
  } catch (error) {
    self.postMessage({ kind: "failed", message: String(error) });
  }
};
