/**
 * Responses whose body is produced while it is sent.
 *
 * The first chunk is awaited before the response begins, so that whatever fails before it still becomes
 * an HTTP status. A failure after it breaks the body: the connection is cut without a proper end, and no
 * client takes the part for the whole (promise P8).
 *
 * @module
 */

/** What a streamed response is made of. */
export interface StreamedResponseOptions {
  readonly status?: number;
  readonly headers: HeadersInit;
  /** Aborted when the client goes away, so that pending work of the producer stops. */
  readonly abort: AbortController;
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
  let pending: IteratorResult<Uint8Array> | undefined = await chunks.next();
  const { signal } = options.abort;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      // Breaks the stream at once, even while the producer is still on its way to notice.
      signal.addEventListener("abort", () => controller.error(signal.reason), { once: true });
    },
    async pull(controller) {
      try {
        const next = pending ?? await chunks.next();
        pending = undefined;
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      } catch (error) {
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
