/**
 * Request bodies as a session reads them: decompressed, counted, never buffered as a whole.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";

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

async function* counted(
  body: BodyStream,
  bytesMax: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        throw new GitStratumError("exhausted", "Refuse a request body above the limit", {
          data: { bytesMax },
        });
      }
      yield chunk;
    }
  } catch (error) {
    if (error instanceof GitStratumError) throw error;
    throw new GitStratumError("invalid", "Lose the request body before its end", { cause: error });
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
  options: { readonly bytesMax: number },
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const body = request.body ?? new Response(new Uint8Array()).body!;
  const encoding = (request.headers.get("content-encoding") ?? "").trim().toLowerCase();
  return ReadableStream.from(counted(decompressed(body, encoding), options.bytesMax));
}
