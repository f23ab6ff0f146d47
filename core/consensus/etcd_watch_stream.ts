/**
 * The stream of an etcd watch: messages become batches of whole revisions.
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
import { type EtcdHeader, toWatchEvent, WATCH, type WatchMessage } from "./etcd_wire.ts";
import { readMessages } from "./grpc_frame.ts";

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
  for await (const bytes of readMessages(stream, { bytesMax: ETCD_WATCH_MESSAGE_BYTES_MAX })) {
    const message = decodeMessage(bytes);
    const { fragment, header } = message;
    if (message.canceled) throw cancelled(message);
    if (message.created) yield { kind: "created", clusterId: header.cluster_id };
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
      yield { kind: "progress", revision: header.revision };
    }
  }
  throw wrong("Lose a watch");
}

function decodeMessage(bytes: Uint8Array): WatchMessage & { readonly header: EtcdHeader } {
  let message: WatchMessage;
  try {
    message = WATCH.answer.decode(bytes);
  } catch (cause) {
    throw wrong("Receive messages on a watch", cause);
  }
  const { header } = message;
  if (header === undefined) throw wrong("Receive a header on a watch");
  return { ...message, header };
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

function wrong(message: string, cause?: unknown): GitStratumError {
  return new GitStratumError("unavailable", message, cause === undefined ? {} : { cause });
}
