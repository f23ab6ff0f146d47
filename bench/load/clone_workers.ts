/**
 * Many clones at once from threads of their own, so that the load does not wait for one event loop.
 *
 * @module
 */

import type { Address } from "../servers/metered_server.ts";
import type { Source } from "../sources/source.ts";
import type { StreamedPack } from "./pack_stream.ts";

/** What one worker is told. */
export interface CloneOrder {
  readonly address: Address;
  readonly path: string;
  readonly wants: readonly string[];
  readonly count: number;
}

/** What it answers. */
export type CloneOutcome =
  | { readonly kind: "done"; readonly packs: readonly StreamedPack[] }
  | { readonly kind: "failed"; readonly message: string };

const WORKER_COUNT = 2;

function runWorker(order: CloneOrder): Promise<readonly StreamedPack[]> {
  const worker = new Worker(new URL("./clone_worker.ts", import.meta.url), { type: "module" });
  const result = Promise.withResolvers<readonly StreamedPack[]>();
  worker.onmessage = ({ data }: MessageEvent<CloneOutcome>) => {
    if (data.kind === "done") result.resolve(data.packs);
    else result.reject(new Error(data.message));
  };
  worker.onerror = (event) => {
    event.preventDefault();
    result.reject(new Error(event.message));
  };
  worker.postMessage(order);
  return result.promise.finally(() => worker.terminate());
}

/** Clones `count` times at once. */
export async function runCloneWorkers(options: {
  readonly address: Address;
  readonly path: string;
  readonly source: Source;
  readonly count: number;
}): Promise<readonly StreamedPack[]> {
  const { address, path, source, count } = options;
  const wants = [...new Set(source.references.values())];
  const runs: Promise<readonly StreamedPack[]>[] = [];
  for (let index = 0; index < WORKER_COUNT; index++) {
    const share = Math.floor((count + WORKER_COUNT - 1 - index) / WORKER_COUNT);
    if (share > 0) runs.push(runWorker({ address, path, wants, count: share }));
  }
  return (await Promise.all(runs)).flat();
}
