/**
 * What an ingest worker and its host say to each other. Everything can be cloned between threads.
 *
 * @module
 */

import { type ErrorCode, type ErrorData, GitStratumError } from "@gitstratum/core/error";
import type { FsckPolicy } from "@gitstratum/core/git";
import type { IngestHost, IngestJob, IngestResult } from "./ingest_host.ts";

/** What a worker needs to know of an ingest. */
export interface WorkerTask {
  readonly job: IngestJob;
  readonly policy: FsckPolicy;
  /** Inflated size of the largest object. */
  readonly objectBytesMax: number;
  /** 8 random bytes. */
  readonly seed: Uint8Array;
  /** Path of the directory that holds the spool. */
  readonly directory: string;
  /** Name of the spool's file. */
  readonly spoolName: string;
  /** Holds 1 once the ingest has ended: a thread at work looks at it. */
  readonly ended: Int32Array<SharedArrayBuffer>;
  /** Leads to a thread that takes a share of the pack. */
  readonly sharePort?: MessagePort;
}

/** The host's methods that a worker calls; each call has one answer. */
export type HostMethod = Exclude<keyof IngestHost, "progress">;

/** From the host to its worker. */
export type ToWorker =
  | { readonly kind: "practise"; readonly rounds: number }
  | { readonly kind: "start"; readonly task: WorkerTask }
  | { readonly kind: "answer"; readonly call: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly call: number; readonly error: ErrorRecord };

/** From a worker to its host. */
export type FromWorker =
  | {
    readonly kind: "call";
    readonly call: number;
    readonly method: HostMethod;
    readonly argument: unknown;
  }
  | { readonly kind: "ready" }
  | { readonly kind: "progress"; readonly text: string }
  | { readonly kind: "done"; readonly result: IngestResult }
  | { readonly kind: "failed"; readonly error: ErrorRecord };

/** An error on its way between threads. */
export interface ErrorRecord {
  /** Absent when it is no error of the project's: a bug. */
  readonly code?: ErrorCode;
  readonly message: string;
  readonly data?: ErrorData;
  readonly stack?: string;
}

/** The record of an error. */
export function recordOf(error: unknown): ErrorRecord {
  if (error instanceof GitStratumError) {
    return { code: error.code, message: error.message, data: error.data };
  }
  if (!(error instanceof Error)) return { message: String(error) };
  return { message: error.message, ...(error.stack !== undefined && { stack: error.stack }) };
}

/** The error of a record. */
export function errorOf(record: ErrorRecord): Error {
  const { code, message, data, stack } = record;
  if (code !== undefined) {
    return new GitStratumError(code, message, data === undefined ? {} : { data });
  }
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
