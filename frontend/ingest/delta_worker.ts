/**
 * The thread that resolves a share of a large push's deltas; see `delta_share.ts`.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { INGEST_SHARE_RING_BYTES } from "@gitstratum/core";
import { FileDisk } from "@gitstratum/core/disk";
import { type ResolvedShare, resolveShare } from "./delta_share.ts";
import type { DeltaThreadAnswer, DeltaThreadTask } from "./delta_thread.ts";
import { IngestMemory } from "./ingest_memory.ts";
import { IngestScratch } from "./ingest_scratch.ts";
import { FileSpool } from "./spool.ts";
import { recordOf } from "./worker_message.ts";

declare const self: DedicatedWorkerGlobalScope;

function resolve(task: DeltaThreadTask): ResolvedShare {
  const { directory, spoolName, share, ended } = task;
  const prefix = `${spoolName}-share`;
  const scratch = new IngestScratch(new FileDisk(directory), { directory, prefix });
  try {
    return resolveShare(share, {
      scratch,
      spool: new FileSpool(scratch.named(spoolName)),
      memory: IngestMemory.create(INGEST_SHARE_RING_BYTES),
      isEnded: () => Atomics.load(ended, 0) !== 0,
    });
  } finally {
    scratch.close();
  }
}

function answer(task: DeltaThreadTask): DeltaThreadAnswer {
  try {
    return { kind: "done", share: resolve(task) };
  } catch (error) {
    return { kind: "failed", error: recordOf(error) };
  }
}

self.onmessage = ({ data: task }: MessageEvent<DeltaThreadTask>) => {
  self.postMessage(answer(task));
  if (Atomics.load(task.ended, 0) !== 0) self.close();
};
