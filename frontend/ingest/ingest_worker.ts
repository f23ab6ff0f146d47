/**
 * The thread that ingests a large pack: an engine whose host is on the other side of a message port.
 *
 * It builds its own disk over the scratch directory; everything else it asks for.
 *
 * @module
 */

/// <reference lib="deno.worker" />

import { FileDisk } from "@gitstratum/core/disk";
import { INGEST_RING_BYTES } from "@gitstratum/core/limits";
import type { Oid } from "@gitstratum/core/git";
import type { ExtentWrite } from "@gitstratum/core/rpc";
import { IngestEngine } from "./ingest_engine.ts";
import type { Arrival, BaseObject, IngestHost, IngestResult, StoredDigest } from "./ingest_host.ts";
import { IngestMemory } from "./ingest_memory.ts";
import { practiseIngest } from "./ingest_practice.ts";
import { IngestScratch } from "./ingest_scratch.ts";
import { ShareThread } from "./share_thread.ts";
import { FileSpool } from "./spool.ts";
import { WorkBudget } from "./work_budget.ts";
import {
  errorOf,
  type FromWorker,
  type HostMethod,
  recordOf,
  type ToWorker,
  type WorkerTask,
} from "./worker_message.ts";

declare const self: DedicatedWorkerGlobalScope;

function send(message: FromWorker, transfer: Transferable[] = []): void {
  self.postMessage(message, transfer);
}

/** The host on the other side. */
class RemoteHost implements IngestHost {
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #calls = 0;

  arrival(have: number): Promise<Arrival> {
    return this.#call("arrival", have);
  }

  known(oids: Uint8Array<ArrayBuffer>): Promise<Uint32Array> {
    return this.#call("known", oids);
  }

  bases(oids: readonly Oid[]): Promise<readonly BaseObject[]> {
    return this.#call("bases", oids);
  }

  digests(oids: readonly Oid[]): Promise<readonly StoredDigest[]> {
    return this.#call("digests", oids);
  }

  write(extents: readonly ExtentWrite[]): Promise<void> {
    return this.#call("write", extents, extents.map(({ bytes }) => bytes.buffer as ArrayBuffer));
  }

  progress(text: string): void {
    send({ kind: "progress", text });
  }

  /** Takes the answer to a call. */
  settle(message: Exclude<ToWorker, { kind: "start" | "practise" }>): void {
    const waiting = this.#waiting.get(message.call);
    this.#waiting.delete(message.call);
    if (message.kind === "answer") waiting?.resolve(message.value);
    else waiting?.reject(errorOf(message.error));
  }

  #call<T>(method: HostMethod, argument: unknown, transfer: Transferable[] = []): Promise<T> {
    const call = this.#calls++;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(call, waiting);
    send({ kind: "call", call, method, argument }, transfer);
    return waiting.promise as Promise<T>;
  }
}

async function ingest(task: WorkerTask, host: IngestHost): Promise<IngestResult> {
  const { job, policy, objectBytesMax, seed, directory, spoolName, sharePort } = task;
  const disk = new FileDisk(directory);
  const scratch = new IngestScratch(disk, { directory, prefix: spoolName });
  try {
    const engine = new IngestEngine({
      job,
      policy,
      objectBytesMax,
      seed,
      host,
      scratch,
      spool: new FileSpool(scratch.named(spoolName)),
      memory,
      budget: WorkBudget.forPush(),
      isEnded: () => Atomics.load(task.ended, 0) !== 0,
      ...sharePort && { helper: new ShareThread(sharePort) },
    });
    return await engine.run();
  } finally {
    scratch.close();
  }
}

const host = new RemoteHost();
const memory = IngestMemory.create(INGEST_RING_BYTES);
let isWanted = false;
let practice: Promise<unknown> = Promise.resolve();

/** Practice that fails is a bug, which ends the thread. */
function practise(rounds: number): void {
  practice = practiseIngest(memory, { rounds, isWanted: () => isWanted })
    .then(() => send({ kind: "ready" }));
}

async function start(task: WorkerTask): Promise<void> {
  isWanted = true;
  await practice;
  try {
    send({ kind: "done", result: await ingest(task, host) });
  } catch (error) {
    send({ kind: "failed", error: recordOf(error) });
  }
}

self.onmessage = ({ data: message }: MessageEvent<ToWorker>) => {
  switch (message.kind) {
    case "practise":
      return practise(message.rounds);
    case "start":
      return void start(message.task);
    default:
      return host.settle(message);
  }
};
