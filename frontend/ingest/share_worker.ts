/**
 * The thread that takes a share of a large push in; see `pack_share.ts`.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { assert } from "@gitstratum/core/assert";
import { INGEST_SHARE_RING_BYTES } from "@gitstratum/core/limits";
import { FileDisk } from "@gitstratum/core/disk";
import { IngestMemory } from "./ingest_memory.ts";
import { IngestScratch } from "./ingest_scratch.ts";
import { buffersOf, PackShare, shareError, shareIsEnded } from "./pack_share.ts";
import type { ShareThreadAnswer, ToShareThread } from "./share_thread.ts";
import { FileSpool } from "./spool.ts";
import type { SharePlace, ShareStart } from "./started_share.ts";
import { recordOf } from "./worker_message.ts";

declare const self: DedicatedWorkerGlobalScope;

/** Whoever waits for the answer ends the thread sooner. A thread that closes itself may take it along. */
const CLOSE_DELAY_MS = 1000;

/** A share and the port of the ingest that it is cut from. */
class ShareSession {
  readonly #place: SharePlace;
  readonly #port: MessagePort;
  #share: PackShare | undefined;
  /** The answer was given: whatever still comes is for nothing. */
  #isOver = false;

  constructor({ place, port }: ShareStart) {
    this.#place = place;
    this.#port = port;
    port.onmessage = ({ data: message }: MessageEvent<ToShareThread>) => this.#hear(message);
    void this.#closeAfter(place.ended);
  }

  #hear(message: ToShareThread): void {
    if (message.kind === "close") return self.close();
    if (this.#isOver) return;
    try {
      this.#take(message);
    } catch (error) {
      this.#answer({ kind: "failed", error: recordOf(shareError(error)) });
    }
  }

  #take(message: Exclude<ToShareThread, { kind: "close" }>): void {
    if (message.kind === "begin") return this.#begin(message);
    assert(this.#share !== undefined, "A share is begun before it is given entries");
    if (message.kind === "take") this.#share.take(message.batch);
    else this.#answer({ kind: "done", share: this.#share.finish() });
  }

  #begin({ terms, doneKib }: Extract<ToShareThread, { kind: "begin" }>): void {
    const { directory, spoolName, ended } = this.#place;
    const prefix = `${spoolName}-share`;
    const scratch = new IngestScratch(new FileDisk(directory), { directory, prefix });
    this.#share = new PackShare(terms, {
      scratch,
      spool: new FileSpool(scratch.named(spoolName)),
      memory: IngestMemory.create(INGEST_SHARE_RING_BYTES),
      isEnded: () => Atomics.load(ended, 0) !== 0,
      done: (costKib) => Atomics.add(doneKib, 0, costKib),
    });
  }

  /** Ends the thread with its ingest, also where that had no time to say so. */
  async #closeAfter(ended: Int32Array<SharedArrayBuffer>): Promise<void> {
    const { async, value } = Atomics.waitAsync(ended, 0, 0);
    if (async) await value;
    if (!this.#isOver) this.#answer({ kind: "failed", error: recordOf(shareIsEnded()) });
    setTimeout(() => self.close(), CLOSE_DELAY_MS);
  }

  #answer(message: ShareThreadAnswer): void {
    this.#isOver = true;
    this.#port.postMessage(message, message.kind === "done" ? buffersOf(message.share) : []);
  }
}

self.onmessage = ({ data: start }: MessageEvent<ShareStart>) => void new ShareSession(start);
