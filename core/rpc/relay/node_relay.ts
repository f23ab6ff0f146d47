/**
 * What a node does for others that can not reach each other: it tells that it is there, and passes calls
 * on.
 *
 * Invariants: a call is passed on once, to a metadata node of the topology, and unchanged; bodies
 * stream in both directions and are never held as a whole; so many calls are under way at a time and
 * no more. The caller is known already: whoever mounts this sees to it that only nodes get here.
 *
 * Fault model: a receiver that hangs makes the relay hang, until the caller gives up: that is seen by
 * its request's end, and ends the call here. Nothing is repeated.
 *
 * @module
 */

import { GitStratumError } from "../../error.ts";
import { RELAYED_CALL_COUNT_MAX } from "../../limits.ts";
import type { TopologyNode } from "../topology/topology.ts";
import type { TopologySource } from "../topology/topology_source.ts";
import { errorResponse } from "../error_response.ts";
import type { Fetcher, Service } from "../fetcher.ts";
import {
  parseRelayPath,
  PING_PATH,
  RELAY_HEADER,
  RELAY_PATH,
  type RelayOutcome,
} from "./relay_path.ts";

/** What a relay stands on. */
export interface NodeRelayOptions {
  /** Says where nodes are. */
  readonly topology: Pick<TopologySource, "current">;
  /** Carries requests to them. */
  readonly fetcherFor: (address: string) => Fetcher;
  /** Told of each call that was to be passed on. */
  readonly onRelayed?: (outcome: RelayOutcome) => void;
}

/** Headers that mean something to the receiver, or to the caller. */
const PASSED_HEADERS = /^(?:content-type|x-gitstratum-.*)$/;

/** A service that answers pings and passes calls on, besides. */
export function withRelay(service: Service, options: NodeRelayOptions): Service {
  let runningCount = 0;
  const run = async (request: Request): Promise<Response> => {
    if (runningCount >= RELAYED_CALL_COUNT_MAX) throw tooMany();
    runningCount++;
    let response: Response | undefined;
    try {
      response = await passOn(request, options);
    } finally {
      // A body that is under way counts until its end.
      if (response === undefined || response.body === null) runningCount--;
    }
    return marked(response, () => runningCount--);
  };
  return {
    async fetch(request) {
      // Most requests are nothing of this: they shall not pay for a parsed URL.
      if (!request.url.includes("/link/v1/")) return await service.fetch(request);
      const { pathname } = new URL(request.url);
      if (pathname === PING_PATH) return new Response(null, { status: 204 });
      if (!pathname.startsWith(RELAY_PATH)) return await service.fetch(request);
      try {
        const response = await run(request);
        options.onRelayed?.("passed");
        return response;
      } catch (error) {
        await request.body?.cancel().catch(() => {
          // It was on its way already, and ended with the call.
        });
        options.onRelayed?.("failed");
        return errorResponse(error, { headers: { [RELAY_HEADER]: "failed" } });
      }
    },
  };
}

async function passOn(request: Request, options: NodeRelayOptions): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const wanted = parseRelayPath(pathname);
  const node = wanted && options.topology.current().nodes.find(({ id }) => id === wanted.to);
  if (wanted === undefined || node === undefined || node.role !== "metadata") {
    throw new GitStratumError("invalid", "Pass a call on to a metadata node only", {
      data: { path: pathname.slice(0, 200) },
    });
  }
  const { method, body, signal } = request;
  const headers = passedHeaders(request.headers);
  // A body that streams has no length that a receiver could be told beforehand.
  const init = { method, headers, body, signal, duplex: "half" } as RequestInit;
  const passed = new Request(`${node.address}${wanted.path}${search}`, init);
  try {
    return await options.fetcherFor(node.address)(passed);
  } catch (cause) {
    throw unreached(node, cause);
  }
}

/** The answer as the caller gets it; `onEnd` is called once its body, if it has one, has ended. */
function marked(response: Response, onEnd: () => void): Response {
  const headers = passedHeaders(response.headers);
  headers.set(RELAY_HEADER, "passed" satisfies RelayOutcome);
  const { status, body } = response;
  if (body === null) return new Response(null, { status, headers });
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
  body.pipeTo(writable).catch(() => {
    // Whichever end broke off, the other one was told by the pipe.
  }).finally(onEnd);
  return new Response(readable, { status, headers });
}

function passedHeaders(headers: Headers): Headers {
  return new Headers([...headers].filter(([name]) => PASSED_HEADERS.test(name)));
}

function unreached({ id }: TopologyNode, cause: unknown): GitStratumError {
  return new GitStratumError("unavailable", "Pass a call on to a node that can not be reached", {
    data: { node: id },
    cause,
  });
}

function tooMany(): GitStratumError {
  return new GitStratumError("unavailable", "Pass no more calls on at a time", {
    data: { countMax: RELAYED_CALL_COUNT_MAX },
  });
}
