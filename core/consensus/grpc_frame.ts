/**
 * Messages of gRPC as bodies of HTTP/2: each behind a byte that says that it is not compressed and four
 * of its length.
 *
 * `fetch` does not show what follows a body, where gRPC says how a call ended. A server that has nothing
 * else to say says it in the head instead, so that every refusal of a single answer is seen there; and
 * an answer that is whole is one. A stream that ends has ended, whatever the reason.
 *
 * Source: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { readBodyBytes } from "../rpc/body.ts";

const PREFIX_BYTES = 5;
const CONTENT_TYPE = "application/grpc";

/** Headers of every request. */
export const GRPC_HEADERS: Readonly<Record<string, string>> = {
  "content-type": CONTENT_TYPE,
  te: "trailers",
};

/** How a server says no. */
export interface GrpcRefusal {
  /** One of gRPC's codes, not 0. */
  readonly code: number;
  /** For people. */
  readonly error: string;
}

/** A message as the body of a request. */
export function frameMessage(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/**
 * What the head of an answer refuses; undefined when messages follow.
 *
 * @throws `unavailable` when it is no head of gRPC
 */
export function refusalOf(response: Response): GrpcRefusal | undefined {
  const { status, headers } = response;
  const contentType = headers.get("content-type");
  const code = headers.get("grpc-status") ?? "0";
  if (
    status !== 200 || contentType?.startsWith(CONTENT_TYPE) !== true || !/^[0-9]{1,3}$/.test(code)
  ) {
    throw wrong("Receive an answer of gRPC", { status, contentType, code });
  }
  if (code === "0") return undefined;
  return { code: Number(code), error: unescaped(headers.get("grpc-message") ?? "") };
}

/**
 * The one message of an answer's body.
 *
 * @throws `exhausted` when it is longer than `bytesMax`
 * @throws `unavailable`, `aborted` when it is not whole, or something else
 */
export async function readMessage(
  response: Response,
  { bytesMax }: { readonly bytesMax: number },
): Promise<Uint8Array> {
  const body = await readBodyBytes(response, { bytesMax: PREFIX_BYTES + bytesMax });
  if (body.length < PREFIX_BYTES) throw wrong("Receive a message", { found: body.length });
  const length = messageBytes(body);
  if (body.length !== PREFIX_BYTES + length) {
    throw wrong("Receive one whole message", { wanted: length, found: body.length - PREFIX_BYTES });
  }
  return body.subarray(PREFIX_BYTES);
}

/**
 * The messages of a stream, as they come.
 *
 * @throws `unavailable` for one that is longer than `bytesMax`, or no message
 */
export async function* readMessages(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  { bytesMax }: { readonly bytesMax: number },
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let wantedBytes = PREFIX_BYTES;
  for await (const chunk of stream) {
    held.push(chunk);
    heldBytes += chunk.length;
    if (heldBytes < wantedBytes) continue;
    let bytes = joined(held, heldBytes);
    wantedBytes = PREFIX_BYTES;
    while (bytes.length >= PREFIX_BYTES) {
      const length = messageBytes(bytes);
      if (length > bytesMax) throw wrong("Receive shorter messages", { bytesMax, found: length });
      wantedBytes = PREFIX_BYTES + length;
      if (bytes.length < wantedBytes) break;
      yield bytes.subarray(PREFIX_BYTES, wantedBytes);
      bytes = bytes.subarray(wantedBytes);
      wantedBytes = PREFIX_BYTES;
    }
    held = bytes.length === 0 ? [] : [bytes];
    heldBytes = bytes.length;
  }
}

/** The length of the message whose frame begins here. */
function messageBytes(frame: Uint8Array): number {
  if (frame[0] !== 0) throw wrong("Receive messages that are not compressed", { found: frame[0] });
  return new DataView(frame.buffer, frame.byteOffset).getUint32(1);
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A text in which a server may have escaped bytes. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // It is for people: as it came it is good enough.
    return text;
  }
}

function wrong(
  message: string,
  data: Readonly<Record<string, string | number | null | undefined>>,
): GitStratumError {
  return new GitStratumError("unavailable", message, { data });
}
