/**
 * The paths by which nodes are asked whether they are there, and to pass a call on.
 *
 * `GET /link/v1/ping` is answered by every node, at once. `/link/v1/to/NODE/…` is answered with what
 * NODE answers to `/…`. The path is signed like any other, so nobody but a node has a call passed on.
 *
 * Invariant: there is one hop at most, because what is passed on can not ask to be passed on.
 *
 * @module
 */

import type { NodeId } from "../topology/topology.ts";

/** Asks whether a node is there. */
export const PING_PATH = "/link/v1/ping";
/** What comes after it, a node and a path, is passed on. */
export const RELAY_PATH = "/link/v1/to/";
/** Tells in an answer whether the call was passed on: an older release does not know how. */
export const RELAY_HEADER = "x-gitstratum-relay";

/** What became of a call that was to be passed on. */
export type RelayOutcome = "passed" | "failed";

const RELAYED = /^\/link\/v1\/to\/([a-z0-9][a-z0-9-]{0,62})(\/.*)$/;

/** Base URL of a node when another one, at an address, passes calls on to it. */
export function relayedBaseUrl(relayAddress: string, to: NodeId): string {
  return `${relayAddress}${RELAY_PATH}${to}`;
}

/** To whom a path is to be passed on, and as what; undefined when it asks for a second hop. */
export function parseRelayPath(
  pathname: string,
): { readonly to: NodeId; readonly path: string } | undefined {
  const [, to, path] = RELAYED.exec(pathname) ?? [];
  if (to === undefined || path === undefined || path.startsWith(RELAY_PATH)) return undefined;
  return { to: to as NodeId, path };
}
