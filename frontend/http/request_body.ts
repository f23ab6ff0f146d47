/**
 * Request bodies as a session reads them: decompressed, counted, never buffered as a whole.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
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
  const body = request.body ?? new Response(new Uint8Array()).body!;
  const encoding = (request.headers.get("content-encoding") ?? "").trim().toLowerCase();
  return ReadableStream.from(counted(decompressed(body, encoding), options));
}
