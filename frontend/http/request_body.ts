/**
 * Request bodies as a session reads them: decompressed, counted, never buffered as a whole.
 *
 * @module
 */

import { GitStratumError, KIB } from "@gitstratum/core";
import type { ClientTurns } from "../admission/stalled_streams.ts";

/** A stream of body bytes. */
export type BodyStream = ReadableStream<Uint8Array<ArrayBuffer>>;

function decompressed(body: BodyStream, encoding: string): BodyStream {
  switch (encoding) {
    case "":
    case "identity":
      return body;
    case "gzip":
    case "x-gzip":
      return body.pipeThrough(new DecompressionStream("gzip"));
    case "deflate":
      return body.pipeThrough(new DecompressionStream("deflate"));
    default:
      throw new GitStratumError("unsupported", "Accept gzip or plain request bodies only", {
        data: { contentEncoding: encoding.slice(0, 40) },
      });
  }
}

/** How a body is read. */
export interface RequestBodyOptions {
  /** Most decompressed bytes. */
  readonly bytesMax: number;
  /** Ends the reading. */
  readonly signal?: AbortSignal;
  /** Told when the client has to send something. */
  readonly turns?: ClientTurns | undefined;
}

function lost(cause?: unknown): GitStratumError {
  return new GitStratumError("invalid", "Lose the request body before its end", { cause });
}

/** A body that is shorter than what counts as progress of a stream is read in one piece. */
const WHOLE_BYTES_MAX = 64 * KIB;

/** How long a body is at most, where its head tells; nothing for one that is compressed. */
export function toldBodyBytes(request: Request): number | undefined {
  const { headers } = request;
  const told = headers.get("content-length");
  if (told === null || headers.has("content-encoding")) return undefined;
  return /^[0-9]{1,15}$/.test(told) ? Number(told) : undefined;
}

/** A short body as one chunk. What the client sends is bounded by the length it told. */
function inOnePiece(request: Request, { signal, turns }: RequestBodyOptions): BodyStream {
  return new ReadableStream({
    async pull(controller) {
      const stopped = Promise.withResolvers<never>();
      const stop = () => stopped.reject(signal?.reason);
      signal?.addEventListener("abort", stop, { once: true });
      try {
        signal?.throwIfAborted();
        turns?.begin();
        const read = request.bytes().catch((error) => {
          throw lost(error);
        });
        const bytes = await Promise.race([read, stopped.promise]);
        turns?.end(bytes.length);
        if (bytes.length > 0) controller.enqueue(bytes);
        controller.close();
      } finally {
        signal?.removeEventListener("abort", stop);
        turns?.close();
      }
    },
  }, { highWaterMark: 0 });
}

async function* counted(
  body: BodyStream,
  options: RequestBodyOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { bytesMax, signal, turns } = options;
  const reader = body.getReader();
  const stop = () => void reader.cancel(signal?.reason).catch(() => undefined);
  signal?.addEventListener("abort", stop, { once: true });
  let bytes = 0;
  try {
    signal?.throwIfAborted();
    while (true) {
      turns?.begin();
      const { done, value } = await reader.read().catch((error) => {
        throw lost(error);
      });
      turns?.end(value?.length ?? 0);
      signal?.throwIfAborted();
      if (done) return;
      bytes += value.length;
      if (bytes > bytesMax) {
        throw new GitStratumError("exhausted", "Refuse a request body above the limit", {
          data: { bytesMax },
        });
      }
      yield value;
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    turns?.close();
    stop();
  }
}

/**
 * The body of a request without its content encoding. At most `bytesMax` decompressed bytes come out;
 * one more is an error, as is a body that stops in the middle or does not decompress.
 *
 * @throws `unsupported` for an unknown content encoding
 */
export function requestBody(
  request: Request,
  options: RequestBodyOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const told = toldBodyBytes(request);
  if (told !== undefined && told <= Math.min(WHOLE_BYTES_MAX, options.bytesMax)) {
    return inOnePiece(request, options);
  }
  const body = request.body ?? new Response(new Uint8Array()).body!;
  const encoding = (request.headers.get("content-encoding") ?? "").trim().toLowerCase();
  return ReadableStream.from(counted(decompressed(body, encoding), options));
}
