/**
 * The thread that takes a share of a large push in; see `pack_share.ts`.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { assert, INGEST_SHARE_RING_BYTES } from "@gitstratum/core";
import { FileDisk } from "@gitstratum/core/disk";
import { IngestMemory } from "./ingest_memory.ts";
import { IngestScratch } from "./ingest_scratch.ts";
import { buffersOf, PackShare, shareError, shareIsEnded } from "./pack_share.ts";
import type { ShareThreadAnswer, ToShareThread } from "./share_thread.ts";
import { FileSpool } from "./spool.ts";
import { recordOf } from "./worker_message.ts";

declare const self: DedicatedWorkerGlobalScope;

/** Whoever waits for the answer ends the thread sooner. */
const CLOSE_DELAY_MS = 1000;

let share: PackShare | undefined;
/** The answer was given: whatever still comes is for nothing. */
let isOver = false;

function begin({ place, terms, doneKib }: Extract<ToShareThread, { kind: "begin" }>): void {
  const { directory, spoolName, ended } = place;
  const prefix = `${spoolName}-share`;
  const scratch = new IngestScratch(new FileDisk(directory), { directory, prefix });
  share = new PackShare(terms, {
    scratch,
    spool: new FileSpool(scratch.named(spoolName)),
    memory: IngestMemory.create(INGEST_SHARE_RING_BYTES),
    isEnded: () => Atomics.load(ended, 0) !== 0,
    done: (costKib) => Atomics.add(doneKib, 0, costKib),
  });
  void closeAfter(ended);
}

/** Ends the thread with its ingest, also where whoever made it is gone by then. */
async function closeAfter(ended: Int32Array<SharedArrayBuffer>): Promise<void> {
  const { async, value } = Atomics.waitAsync(ended, 0, 0);
  if (async) await value;
  if (!isOver) answer({ kind: "failed", error: recordOf(shareIsEnded()) });
  // A thread that closes itself may take its last message with it.
  setTimeout(() => self.close(), CLOSE_DELAY_MS);
}

function answer(message: ShareThreadAnswer): void {
  isOver = true;
  self.postMessage(message, message.kind === "done" ? buffersOf(message.share) : []);
}

function take(message: ToShareThread): void {
  if (message.kind === "begin") return begin(message);
  assert(share !== undefined, "A share is begun before it is given entries");
  if (message.kind === "take") share.take(message.batch);
  else answer({ kind: "done", share: share.finish() });
}

self.onmessage = ({ data: message }: MessageEvent<ToShareThread>) => {
  if (isOver) return;
  try {
    take(message);
  } catch (error) {
    answer({ kind: "failed", error: recordOf(shareError(error)) });
  }
};
