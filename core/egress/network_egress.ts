/**
 * {@link Egress} over the network, which reaches public addresses and those that were allowed.
 *
 * A name is resolved once for each request, every address that it has is checked, and the connection is
 * made to a checked address: the socket asks no resolver again, so a name that changes its address
 * between check and connection (DNS rebinding) gains nothing. TLS still checks the certificate against
 * the name, and the `Host` header has it. Nothing is kept alive: no later request finds a connection
 * that was made under other rules. Redirects are not followed.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { concatBytes } from "../concat_bytes.ts";
import { GitStratumError, hasCode } from "../error.ts";
import { type Egress, type EgressAnswer, type EgressRequest, parseEgressUrl } from "./egress.ts";
import {
  type AddressRange,
  isInRange,
  isPublicAddress,
  parseNetworkAddress,
} from "./network_address.ts";

/** Where requests may go, and how names are resolved. */
export interface NetworkEgressOptions {
  /** Addresses beside the public ones that may be reached. */
  readonly allowed: readonly AddressRange[];
  /** All addresses of a name; the system's resolver unless told. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  /** PEM certificates of further authorities, which tests have. */
  readonly certificates?: readonly string[];
}

async function systemResolve(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

/** Sends requests out. */
export class NetworkEgress implements Egress {
  readonly #options: NetworkEgressOptions;

  /** Makes an egress; nothing is opened. */
  constructor(options: NetworkEgressOptions) {
    this.#options = options;
  }

  /** {@inheritDoc Egress.post} */
  async post(request: EgressRequest): Promise<EgressAnswer> {
    const url = parseEgressUrl(request.url);
    const { signal } = request;
    try {
      const addresses = await untilAborted(this.#addressesOf(url.hostname), signal);
      const response = await this.#send(url, request, addresses);
      return { status: response.statusCode ?? 0, body: await beginningOf(response, request) };
    } catch (error) {
      if (signal.aborted) throw new GitStratumError("aborted", "Abort a request", { cause: error });
      if (hasCode(error, "denied")) throw error;
      throw new GitStratumError("unavailable", "Get no answer to a request", {
        data: { host: url.host, reason: error instanceof Error ? error.message : String(error) },
        cause: error,
      });
    }
  }

  /** The checked addresses of a host. @throws `denied` when one of them may not be reached */
  async #addressesOf(hostname: string): Promise<readonly string[]> {
    const literal = hostname.replace(/^\[(.*)\]$/, "$1");
    const { resolve = systemResolve } = this.#options;
    const texts = parseNetworkAddress(literal) === undefined ? await resolve(hostname) : [literal];
    const refused = texts.find((text) => !this.#mayReach(text));
    if (texts.length > 0 && refused === undefined) return texts;
    throw new GitStratumError("denied", "Refuse a request to an address that is not public", {
      data: { host: hostname.slice(0, 255), address: refused ?? null },
    });
  }

  #mayReach(text: string): boolean {
    const address = parseNetworkAddress(text);
    if (address === undefined) return false;
    return isPublicAddress(address) ||
      this.#options.allowed.some((range) => isInRange(address, range));
  }

  #send(
    url: URL,
    request: EgressRequest,
    addresses: readonly string[],
  ): Promise<IncomingMessage> {
    const { body, headers, signal } = request;
    const { certificates } = this.#options;
    const client = url.protocol === "https:" ? https : http;
    return new Promise((resolve, reject) => {
      const sent = client.request({
        method: "POST",
        hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
        port: url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port),
        path: `${url.pathname}${url.search}`,
        headers: { ...headers, host: url.host, "content-length": String(body.length) },
        agent: false,
        lookup: pinnedTo(addresses),
        ...(certificates === undefined ? {} : { ca: [...certificates] }),
      }, resolve);
      sent.on("error", reject);
      signal.addEventListener("abort", () => sent.destroy(new Error("aborted")), { once: true });
      sent.end(body);
    });
  }
}

/** A look-up that knows the answer already, in the form in which sockets ask. */
function pinnedTo(addresses: readonly string[]) {
  const all = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  return (
    _hostname: string,
    options: { readonly all?: boolean | undefined },
    done: (...answer: never[]) => void,
  ): void => {
    const answer = options.all ? [null, all] : [null, all[0]!.address, all[0]!.family];
    done(...answer as never[]);
  };
}

/** The beginning of a body; what is longer is cut off with its connection. */
function beginningOf(
  response: IncomingMessage,
  { answerBytesMax, signal }: EgressRequest,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const finish = () => {
      resolve(concatBytes(chunks).subarray(0, answerBytesMax));
      response.destroy();
    };
    response.on("data", (chunk: Uint8Array) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= answerBytesMax) finish();
    });
    response.on("end", finish);
    response.on("error", reject);
    response.on("close", () => reject(new Error("The connection broke in the answer")));
    signal.addEventListener("abort", () => {
      response.destroy();
      reject(signal.reason);
    }, { once: true });
  });
}

/** The promise, unless the signal aborts first. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}
