/**
 * A push and the index of its group in one body: what is read twice otherwise, once by each side.
 *
 * Layout, numbers little-endian: magic "GSPF" and a version (u16) in 6 bytes, 2 zero bytes, wall time
 * before the group was stored (f64), length of the push (u32), the push as JSON, the index to the end.
 * Nodes of releases that do not know the path answer `unsupported`, and are sent the push alone.
 *
 * @module
 */

import { GitStratumError } from "../../error.ts";
import { FRESH_INDEX_BYTES_MAX } from "../../limits.ts";
import type { FreshIndex, PushRequest } from "./metadata.ts";
import { pushBody, pushRequestSchema } from "./metadata_wire.ts";

/** Media type of the body. */
export const PUSH_FRAME_TYPE = "application/x-gitstratum-push";

const MAGIC = 0x47535046; // "GSPF"
const VERSION = 1;
const HEAD_BYTES = 20;

/** Encodes a push that has an index. */
export function encodePushFrame(
  request: PushRequest,
  index: FreshIndex,
): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(pushBody(request)));
  const frame = new Uint8Array(HEAD_BYTES + text.length + index.bytes.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC);
  view.setUint16(4, VERSION, true);
  view.setFloat64(8, index.storedAfterMs, true);
  view.setUint32(16, text.length, true);
  frame.set(text, HEAD_BYTES);
  frame.set(index.bytes, HEAD_BYTES + text.length);
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
  if (view.getUint16(4, true) !== VERSION) {
    throw new GitStratumError("unsupported", "Read a push of another version", {
      data: { found: view.getUint16(4, true), wanted: VERSION },
    });
  }
  const storedAfterMs = view.getFloat64(8, true);
  const textEnd = HEAD_BYTES + view.getUint32(16, true);
  const indexBytes = frame.length - textEnd;
  if (!Number.isFinite(storedAfterMs) || indexBytes < 1 || indexBytes > FRESH_INDEX_BYTES_MAX) {
    throw broken(frame.length);
  }
  const push = pushRequestSchema.safeParse(parse(frame.subarray(HEAD_BYTES, textEnd)));
  if (!push.success) {
    throw new GitStratumError("invalid", "Expect a push of another shape", {
      data: { problem: push.error.message.slice(0, 500) },
    });
  }
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
