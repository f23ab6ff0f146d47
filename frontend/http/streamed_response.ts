/**
 * Responses whose body is produced while it is sent.
 *
 * The first chunk is awaited before the response begins, so that whatever fails before it still becomes
 * an HTTP status. A failure after it breaks the body: the connection is cut without a proper end, and no
 * client takes the part for the whole (promise P8).
 *
 * @module
 */

import type { ClientTurns } from "../admission/stalled_streams.ts";
import { releaseGiven } from "../pack_assembly/given_memory.ts";

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
  let pending: IteratorResult<Uint8Array> | undefined = await chunks.next().catch((error) => {
    turns?.close();
    throw error;
  });
  const { signal } = options.abort;
  let handedBytes = 0;
  let handed: Uint8Array | undefined;
  const body = new ReadableStream<Uint8Array>({
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
        const next = pending ?? await chunks.next();
        pending = undefined;
        if (next.done) {
          controller.close();
          turns?.close();
        } else if (!signal.aborted) {
          controller.enqueue(next.value);
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
  return new Response(body, { status: options.status ?? 200, headers: options.headers });
}
