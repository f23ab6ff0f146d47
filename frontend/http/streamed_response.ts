/**
 * Responses whose body is produced while it is sent.
 *
 * The first chunk is awaited before the response begins, so that whatever fails before it still becomes
 * an HTTP status. A failure after it breaks the body: the connection is cut without a proper end, and no
 * client takes the part for the whole (promise P8).
 *
 * An answer that has ended with its first chunk is given to the runtime as it is: a stream around it
 * would cost more than most of these answers do.
 *
 * @module
 */

import { KIB } from "@gitstratum/core";
import type { ClientTurns } from "../admission/stalled_streams.ts";
import { releaseGiven } from "../pack_assembly/given_memory.ts";
import { settledSoon } from "../session/settled_soon.ts";

/** What a streamed response is made of. */
export interface StreamedResponseOptions {
  readonly status?: number;
  readonly headers: HeadersInit;
  /** Aborted when the client goes away, so that pending work of the producer stops. */
  readonly abort: AbortController;
  /** Told when the client has to take something. */
  readonly turns?: ClientTurns | undefined;
  /** See `ConnectionInfo.takesPieces`. */
  readonly takesPieces?: boolean;
  /** Told of a failure that came too late for an HTTP status. */
  onFailure(error: unknown): void;
}

/** An answer up to this lies in the runtime's and the kernel's buffers, whether it is taken or not. */
const WHOLE_BYTES_MAX = 64 * KIB;

/**
 * A response that sends `chunks` as the client takes them.
 *
 * @throws what the producer throws before its first chunk
 */
export async function streamedResponse(
  chunks: AsyncGenerator<Uint8Array>,
  options: StreamedResponseOptions,
): Promise<Response> {
  const { turns } = options;
  const first = await chunks.next().catch((error) => {
    turns?.close();
    throw error;
  });
  const second = first.done === true ? Promise.resolve(first) : chunks.next();
  // Whoever takes the first chunk sees it fail.
  second.catch(() => undefined);
  if (!first.done && await settledSoon(second) && first.value.length <= WHOLE_BYTES_MAX) {
    const next = await second.catch(() => undefined);
    if (next?.done === true) return wholeResponse(first.value, options);
  }
  return new Response(streamOf(chunks, [Promise.resolve(first), second], options), {
    status: options.status ?? 200,
    headers: options.headers,
  });
}

/** An answer that has ended: nothing of it is made any more, and what is left to send is short. */
function wholeResponse(bytes: Uint8Array, options: StreamedResponseOptions): Response {
  options.turns?.close();
  return new Response(bytes as Uint8Array<ArrayBuffer>, {
    status: options.status ?? 200,
    headers: options.headers,
  });
}

/** A stream of what was asked of `chunks` already, then of the rest. */
function streamOf(
  chunks: AsyncGenerator<Uint8Array>,
  asked: Promise<IteratorResult<Uint8Array>>[],
  options: StreamedResponseOptions,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const { turns } = options;
  const { signal } = options.abort;
  let handedBytes = 0;
  let handed: Uint8Array | undefined;
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      // Breaks the stream at once, even while the producer is still on its way to notice.
      const stop = () => {
        controller.error(signal.reason);
        turns?.close();
        // Nobody will ask for more, so that nothing else would end a producer that waits for that.
        chunks.return(undefined).catch((error) => options.onFailure(error));
      };
      if (signal.aborted) stop();
      else signal.addEventListener("abort", stop, { once: true });
    },
    async pull(controller) {
      turns?.end(handedBytes);
      if (options.takesPieces === true && handed !== undefined) releaseGiven(handed);
      handed = undefined;
      try {
        const next = await (asked.shift() ?? chunks.next());
        if (next.done) {
          controller.close();
          turns?.close();
        } else if (!signal.aborted) {
          controller.enqueue(next.value as Uint8Array<ArrayBuffer>);
          handedBytes = next.value.length;
          handed = next.value;
          turns?.begin();
        }
      } catch (error) {
        turns?.close();
        if (!signal.aborted) options.onFailure(error);
        controller.error(error);
      }
    },
    async cancel(reason) {
      options.abort.abort(reason ?? new DOMException("The client went away", "AbortError"));
      await chunks.return(undefined);
    },
  }, { highWaterMark: 0 });
}
