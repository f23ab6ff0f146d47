/**
 * How a node calls etcd: by HTTP/2, as gRPC wants it, with the node's certificate where it has one.
 *
 * All calls to a member share one connection, and all watches another one, so that a watch whose reader
 * is slow holds up no call.
 *
 * It stands on `node:http2`: `fetch` speaks HTTP/2 over sockets that hold small packets back until the
 * one before is acknowledged (`TCP_NODELAY` is off), which costs 40 ms where a request follows an answer.
 *
 * Fault model: a connection may fall silent without ending, and then stays so long after the network
 * works again. The calls on it are given up in time by whoever makes them; from then on the member is
 * called over new connections. A connection that ends takes its calls with it: they reject.
 *
 * @module
 */

import { WATCH_PATH } from "../consensus/etcd_wire.ts";
import type { Fetcher } from "../rpc/fetcher.ts";
import { Http2Connection, type Http2Identity } from "./http2_connection.ts";

/** A way to call; `close` ends its connections. */
export interface EtcdFetcher {
  /** Carries requests. */
  readonly fetcher: Fetcher;
  /** Ends connections, each once no request uses it any more. */
  close(): void;
}

/** Makes a fetcher for the members of etcd. */
export function openEtcdFetcher(identity: Http2Identity = {}): EtcdFetcher {
  const connections = new Map<string, Http2Connection>();
  const open = (key: string, origin: string): Http2Connection => {
    const known = connections.get(key);
    if (known?.isUsable) return known;
    const connection = new Http2Connection(origin, identity);
    connections.set(key, connection);
    return connection;
  };
  const leave = (key: string) => {
    connections.get(key)?.leave();
    connections.delete(key);
  };
  return {
    async fetcher(request) {
      const { origin, pathname } = new URL(request.url);
      const isWatch = pathname === WATCH_PATH;
      const watches = `watches ${origin}`;
      const body = await request.bytes();
      const connection = open(isWatch ? watches : origin, origin);
      let isAnswered = false;
      request.signal.addEventListener("abort", () => {
        // A watch that stood is given up by those who watched. Anything else waited in vain.
        if (isWatch && isAnswered) return;
        if (connections.get(origin) === connection) leave(origin);
        leave(watches);
      }, { once: true });
      const response = await connection.send(request, body);
      isAnswered = true;
      return response;
    },
    close() {
      for (const key of [...connections.keys()]) leave(key);
    },
  };
}
