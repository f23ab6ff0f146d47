/**
 * The address of a client behind proxies, from the header that they write.
 *
 * Anybody can send such a header, and each proxy adds the address that it saw to the end of what came.
 * So it is read from the right, and only as far as the one who wrote is trusted: the first address that
 * is no trusted proxy's is the client's, whatever stands to the left of it. One header is read and no
 * other, because a proxy that writes one of them passes on what a client put into the other.
 *
 * @module
 */

import { type AddressRange, isInRange, parseNetworkAddress } from "../egress/network_address.ts";
import { FORWARDED_HOP_COUNT_MAX } from "../limits.ts";
import type { ConnectionHandler } from "./access_log.ts";

/** The headers that there are: the usual one, and that of RFC 7239. */
export const PROXY_HEADERS = ["x-forwarded-for", "forwarded"] as const;

/** A header that proxies write. */
export type ProxyHeader = (typeof PROXY_HEADERS)[number];

/** Who may say for whom they ask, and how. */
export interface ProxyTrust {
  /** Addresses of proxies; nobody else is believed. */
  readonly proxies: readonly AddressRange[];
  /** What they write. */
  readonly header: ProxyHeader;
}

/** The same answers, with the address that trusted proxies tell in place of theirs. */
export function withForwardedAddress(
  handle: ConnectionHandler,
  trust: ProxyTrust,
): ConnectionHandler {
  return (request, info) => {
    const { remoteAddress } = info;
    if (remoteAddress === undefined) return handle(request, info);
    const client = clientAddress(remoteAddress, request.headers.get(trust.header), trust);
    return handle(request, client === remoteAddress ? info : { ...info, remoteAddress: client });
  };
}

/**
 * The address of the client for whom `peer` asks. Where the header breaks off or names no address
 * (`unknown`, a name that hides one), the client is the last proxy that was believed.
 */
export function clientAddress(peer: string, header: string | null, trust: ProxyTrust): string {
  const hops = (header ?? "").split(",");
  let address = peer;
  for (let count = 0; count < FORWARDED_HOP_COUNT_MAX; count++) {
    if (!isProxy(address, trust)) return address;
    const hop = hops.pop();
    const next = hop === undefined ? undefined : addressOf(hop, trust.header);
    if (next === undefined) return address;
    address = next;
  }
  return address;
}

function isProxy(text: string, { proxies }: ProxyTrust): boolean {
  const address = parseNetworkAddress(text);
  return address !== undefined && proxies.some((range) => isInRange(address, range));
}

/** The address in one part of the header; undefined when it names none. */
function addressOf(hop: string, header: ProxyHeader): string | undefined {
  const node = header === "forwarded" ? forOf(hop) : hop.trim();
  // Some proxies add the client's port.
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([0-9.]+))(?::[0-9_.a-z-]{1,32})?$/i.exec(node) ??
    [];
  const text = bracketed ?? plain ?? node;
  return parseNetworkAddress(text) === undefined ? undefined : text;
}

/**
 * The `for` of one element of `Forwarded` (RFC 7239, 4). Commas inside of quotes are none of its
 * grammar for addresses, so an element with one is cut and names no address.
 */
function forOf(element: string): string {
  const pairs = element.split(";").map((pair) => /^\s*([^=\s]+)=(.*?)\s*$/.exec(pair) ?? []);
  const [, , value = ""] = pairs.find(([, name = ""]) => name.toLowerCase() === "for") ?? [];
  return value.replace(/^"(.*)"$/, "$1");
}
