/**
 * Streams of JSON values, one on each line: for answers that go on while the caller already acts on
 * what came first.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";

/** One line of a stream. */
export function encodeJsonLine(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}

/**
 * The values of a stream, until it ends. Leaving the loop cancels the stream.
 *
 * @throws `unavailable` when the stream breaks, a line is no JSON or is longer than `lineLengthMax`
 * characters
 */
export async function* readJsonLines(
  stream: ReadableStream<Uint8Array>,
  options: { readonly lineLengthMax: number },
): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      const lines = decoder.decode(chunk, { stream: true }).split("\n");
      for (const [index, line] of lines.entries()) {
        if (index > 0) {
          yield JSON.parse(pieces.join(""));
          pieces = [];
          length = 0;
        }
        length += line.length;
        if (length > options.lineLengthMax) throw broken("a line is too long");
        pieces.push(line);
      }
    }
  } catch (cause) {
    if (cause instanceof GitStratumError) throw cause;
    throw broken("it can not be read", cause);
  }
  if (length > 0) throw broken("the last line is not ended");
}

function broken(reason: string, cause?: unknown): GitStratumError {
  return new GitStratumError("unavailable", "Receive a broken stream", {
    data: { reason },
    ...(cause === undefined ? {} : { cause }),
  });
}
