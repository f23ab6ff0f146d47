/**
 * The stream of an etcd watch: lines of JSON become batches of whole revisions.
 *
 * Etcd cuts large messages into fragments, anywhere between two events. Events come in the order of
 * their revisions, so all but the last revision of a fragment are complete; the last one is held back
 * until something later shows that it is.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { ETCD_WATCH_MESSAGE_BYTES_MAX } from "../limits.ts";
import type { Revision, WatchEvent } from "./consensus.ts";
import {
  refusalError,
  refusalIn,
  toWatchEvent,
  type WatchMessage,
  watchMessageSchema,
} from "./etcd_wire.ts";

/** What a watch has to tell. */
export type WatchStep =
  /** It stands: from here on nothing is missed. */
  | { readonly kind: "created"; readonly clusterId: string }
  /** Whole revisions. */
  | { readonly kind: "events"; readonly events: readonly WatchEvent[] }
  /** Nothing else happened up to a revision. */
  | { readonly kind: "progress"; readonly revision: Revision };

/**
 * Reads a watch until it ends.
 *
 * @throws `not-found` when the history it asks for is compacted
 * @throws `unavailable` when it breaks, is cancelled, or says what no watch says
 */
export async function* readWatch(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<WatchStep> {
  const held: WatchEvent[] = [];
  let last = 0;
  for await (const line of readLines(stream)) {
    const message = parseMessage(line);
    const { fragment } = message;
    if (message.canceled) throw cancelled(message);
    if (message.created) yield { kind: "created", clusterId: message.header.cluster_id };
    const events = message.events.map(toWatchEvent);
    for (const { revision } of events) {
      if (revision < last) throw wrong("Receive events in the order of their revisions");
      last = revision;
    }
    held.push(...events);
    const complete = fragment ? held.findIndex(({ revision }) => revision === last) : held.length;
    const whole = held.splice(0, Math.max(0, complete));
    if (whole.length > 0) yield { kind: "events", events: whole };
    if (events.length === 0 && !message.created && !fragment) {
      yield { kind: "progress", revision: message.header.revision };
    }
  }
  throw wrong("Lose a watch");
}

function parseMessage(line: string): WatchMessage {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (cause) {
    throw wrong("Receive JSON on a watch", cause);
  }
  const refusal = refusalIn(json);
  if (refusal !== undefined) throw refusalError(refusal);
  const parsed = watchMessageSchema.safeParse(json);
  if (!parsed.success) throw wrong("Receive messages on a watch", parsed.error);
  return parsed.data.result;
}

function cancelled(message: WatchMessage): GitStratumError {
  if (message.compact_revision > 0) {
    return new GitStratumError("not-found", "Watch from a revision that is not compacted", {
      data: { compacted: message.compact_revision },
    });
  }
  return new GitStratumError("unavailable", "Keep a watch that etcd cancelled", {
    data: { reason: message.cancel_reason.slice(0, 300) },
  });
}

/** Lines of a stream without their ends. A line that never ends must not fill the memory. */
async function* readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let parts: string[] = [];
  let held = 0;
  for await (const chunk of stream) {
    const pieces = decodeChunk(decoder, chunk).split("\n");
    for (const [index, piece] of pieces.entries()) {
      parts.push(piece);
      held += piece.length;
      if (held > ETCD_WATCH_MESSAGE_BYTES_MAX) throw wrong("Receive shorter messages on a watch");
      if (index === pieces.length - 1) break;
      const line = parts.join("");
      parts = [];
      held = 0;
      if (line !== "") yield line;
    }
  }
}

function decodeChunk(decoder: TextDecoder, chunk: Uint8Array<ArrayBuffer>): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch (cause) {
    throw wrong("Receive text on a watch", cause);
  }
}

function wrong(message: string, cause?: unknown): GitStratumError {
  return new GitStratumError("unavailable", message, cause === undefined ? {} : { cause });
}
