/**
 * The one abstraction that carries every call between parts of the system.
 *
 * @module
 */

/**
 * Answers a request: the global `fetch` over a network, a service's own `fetch` inside one process, a
 * simulated network in tests.
 */
export type Fetcher = (request: Request) => Promise<Response>;

/** An object that answers requests: every node role is one. */
export interface Service {
  /** Answers one request. Never rejects for reasons of the caller. */
  fetch(request: Request): Promise<Response>;
}
