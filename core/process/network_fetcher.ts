/**
 * Requests over the network that can be aborted for as long as they last.
 *
 * In Deno 2.9 a signal that is handed to `new Request()` reaches `fetch` over a chain of signals that
 * nothing holds: after a garbage collection an abort ends nothing any more, and whoever waits for a
 * stream to end after it waits for ever. A listener keeps the chain, and `fetch` gets a signal of its
 * own. That one works as long as the response lives, which whoever reads the body need not keep. So
 * both, the listener and the response, live as long as the body, which stays the native stream it is.
 *
 * @module
 */

import type { Fetcher } from "../rpc/fetcher.ts";

/** Drops listeners whose bodies nobody can read any more. */
const bodies = new FinalizationRegistry<() => void>((drop) => drop());

/** Keeps responses whose bodies are read. */
const responses = new WeakMap<ReadableStream<Uint8Array>, Response>();

/** The global `fetch` through a client; aborts of a request's signal end it, however late they come. */
export function networkFetcher(client: Deno.HttpClient): Fetcher {
  return async (request) => {
    const { signal } = request;
    const abort = new AbortController();
    const onAbort = () => abort.abort(signal.reason);
    const drop = () => signal.removeEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    try {
      const response = await fetch(request, { client, signal: abort.signal });
      const { body } = response;
      if (body === null) {
        drop();
      } else {
        bodies.register(body, drop);
        responses.set(body, response);
      }
      return response;
    } catch (error) {
      drop();
      throw error;
    }
  };
}
