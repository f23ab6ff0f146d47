/**
 * A push and the index of its group in one body: what is read twice otherwise, once by each side.
 *
 * Layout, numbers little-endian: magic "GSPF" and a version (u16) in 6 bytes, 2 zero bytes, wall time
 * before the group was stored (f64), length of the push (u32), the push as JSON, the index to the end.
 * Nodes of releases that do not know the path answer `unsupported`, and are sent the push alone.
 *
 * Version 2 is that of pushes that a node must not commit without having understood all of them: those
 * that are `judged` or `uncompared`. They may come without an index.
 *
 * @module
 */

import { GitStratumError } from "../../error.ts";
import { FRESH_INDEX_BYTES_MAX } from "../../limits.ts";
import type { PushRequest } from "./metadata.ts";
import { pushBody, pushRequestSchema } from "./metadata_wire.ts";

/** Media type of the body. */
export const PUSH_FRAME_TYPE = "application/x-gitstratum-push";

const MAGIC = 0x47535046; // "GSPF"
/** The version of pushes that nodes may commit without their later members. */
const PLAIN_VERSION = 1;
/** The version of pushes that they may not. */
const CONDITIONAL_VERSION = 2;
const HEAD_BYTES = 20;

/** Whether a push may be committed by those only who understand on what conditions. */
export function isConditional({ judged, uncompared }: PushRequest): boolean {
  return judged !== undefined || uncompared === true;
}

/** Encodes a push that has an index, or is conditional. */
export function encodePushFrame(request: PushRequest): Uint8Array<ArrayBuffer> {
  const { freshIndex = { bytes: new Uint8Array(0), storedAfterMs: 0 } } = request;
  const text = new TextEncoder().encode(JSON.stringify(pushBody(request)));
  const frame = new Uint8Array(HEAD_BYTES + text.length + freshIndex.bytes.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC);
  view.setUint16(4, isConditional(request) ? CONDITIONAL_VERSION : PLAIN_VERSION, true);
  view.setFloat64(8, freshIndex.storedAfterMs, true);
  view.setUint32(16, text.length, true);
  frame.set(text, HEAD_BYTES);
  frame.set(freshIndex.bytes, HEAD_BYTES + text.length);
  return frame;
}

/**
 * Decodes a push with its index, which gets a buffer of its own.
 *
 * @throws `invalid` when the frame is broken, or the push in it is none; `unsupported` when it is of
 * another version
 */
export function decodePushFrame(frame: Uint8Array): PushRequest {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < HEAD_BYTES || view.getUint32(0) !== MAGIC) throw broken(frame.length);
  const version = view.getUint16(4, true);
  if (version !== PLAIN_VERSION && version !== CONDITIONAL_VERSION) {
    throw new GitStratumError("unsupported", "Read a push of another version", {
      data: { found: version, wanted: CONDITIONAL_VERSION },
    });
  }
  const storedAfterMs = view.getFloat64(8, true);
  const textEnd = HEAD_BYTES + view.getUint32(16, true);
  const indexBytes = frame.length - textEnd;
  const indexBytesMin = version === PLAIN_VERSION ? 1 : 0;
  const isSound = Number.isFinite(storedAfterMs) && indexBytes >= indexBytesMin;
  if (!isSound || indexBytes > FRESH_INDEX_BYTES_MAX) throw broken(frame.length);
  const push = pushRequestSchema.safeParse(parse(frame.subarray(HEAD_BYTES, textEnd)));
  if (!push.success) {
    throw new GitStratumError("invalid", "Expect a push of another shape", {
      data: { problem: push.error.message.slice(0, 500) },
    });
  }
  if (indexBytes === 0) return push.data;
  return { ...push.data, freshIndex: { bytes: frame.slice(textEnd), storedAfterMs } };
}

function parse(text: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text));
  } catch (cause) {
    throw new GitStratumError("invalid", "Expect JSON", { data: { bytes: text.length }, cause });
  }
}

function broken(bytes: number): GitStratumError {
  return new GitStratumError("invalid", "Expect a push with its index", { data: { bytes } });
}
