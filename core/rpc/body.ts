/**
 * Reading bodies of requests and responses within a limit.
 *
 * A declared length above the limit is refused before a byte is read; a body without one is counted
 * while it arrives. A body that ends early is an error, never a short result.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { GitStratumError } from "../error.ts";

/** A request or a response. */
export type Message = Request | Response;

/** How much of a body to accept. */
export interface BodyLimit {
  /** Bytes; a longer body is refused. */
  readonly bytesMax: number;
}

/**
 * The whole body.
 *
 * @throws `exhausted` when it is longer than `bytesMax`
 * @throws `aborted` when it breaks off before its end
 */
export async function readBodyBytes(
  message: Message,
  limit: BodyLimit,
): Promise<Uint8Array<ArrayBuffer>> {
  const declared = declaredBytes(message);
  if (declared !== undefined) {
    if (declared > limit.bytesMax) {
      await message.body?.cancel();
      throw tooLong(declared, limit);
    }
    const bytes = isLocal(message)
      ? await collect(message.body, { bytesMax: declared })
      : await readWhole(message);
    if (bytes.length !== declared) throw brokenOff(declared, bytes.length);
    return bytes;
  }
  return message.body === null ? new Uint8Array(0) : await collect(message.body, limit);
}

/** The length that the message's header declares, in bytes; undefined when it declares none. */
export function declaredBytes(message: Message): number | undefined {
  const text = message.headers.get("content-length");
  if (text === null) return undefined;
  const length = /^[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(length)) {
    throw new GitStratumError("invalid", "Expect a content length", {
      data: { found: text.slice(0, 40) },
    });
  }
  return length;
}

/**
 * Whether a service of this process made the response: only what came over a network has a URL. Its
 * chunks can be taken as they are, where reading it as a whole would copy them.
 */
function isLocal(message: Message): message is Response & { readonly body: ByteStream } {
  return message instanceof Response && message.url === "" && message.body !== null;
}

type ByteStream = ReadableStream<Uint8Array<ArrayBuffer>>;

/**
 * Bytes as the body of a response, handed over as one chunk. `new Response(bytes)` would copy them, and
 * a reader in this process copy them once more.
 */
export function oneChunk(bytes: Uint8Array<ArrayBuffer>): ByteStream {
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  }, { highWaterMark: 0 });
}

async function readWhole(message: Message): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await message.bytes();
  } catch (cause) {
    throw new GitStratumError("aborted", "Read a body to its end", { cause });
  }
}

async function collect(
  body: ByteStream,
  limit: BodyLimit,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  const reader = body.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      length += next.value.length;
      if (length > limit.bytesMax) throw tooLong(length, limit);
      chunks.push(next.value);
    }
  } catch (cause) {
    await reader.cancel().catch(() => {
      // The stream failed already; the error on its way up says why.
    });
    if (cause instanceof GitStratumError) throw cause;
    throw new GitStratumError("aborted", "Read a body to its end", { cause });
  }
  return join(chunks, length);
}

function join(
  chunks: readonly Uint8Array<ArrayBuffer>[],
  length: number,
): Uint8Array<ArrayBuffer> {
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(length);
  let position = 0;
  for (const chunk of chunks) {
    whole.set(chunk, position);
    position += chunk.length;
  }
  return whole;
}

function tooLong(found: number, limit: BodyLimit): GitStratumError {
  return new GitStratumError("exhausted", "Refuse a body above its limit", {
    data: { bytes: found, bytesMax: limit.bytesMax },
  });
}

function brokenOff(wanted: number, found: number): GitStratumError {
  return new GitStratumError("aborted", "Read a body to its end", { data: { wanted, found } });
}

/**
 * The body of a response to a request that has a signal, for reading over a long time.
 *
 * Deno forgets such a signal once the response is collected, though its body is still being read: a
 * stream that falls silent could then never be ended. This stream keeps the response.
 */
export function heldBody(response: Response): ReadableStream<Uint8Array<ArrayBuffer>> {
  assert(response.body !== null, "The response has a body");
  const held = { response, reader: response.body.getReader() };
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await held.reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => held.reader.cancel(reason),
  }, { highWaterMark: 0 });
}
