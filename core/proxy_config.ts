/**
 * The settings of what stands between clients and the server: names that lead to it, and proxies.
 *
 * @module
 */

import { choiceOption, type ConfigOption, type ConfigValues } from "./config.ts";
import { type AddressRange, addressRangesOption } from "./egress/network_address.ts";
import { PROXY_HEADERS, type ProxyHeader, type ProxyTrust } from "./process/forwarded_address.ts";
import { isLoopback, type SocketAddress } from "./socket_address.ts";

/** The settings by name. */
export type ProxyConfigTable = {
  readonly httpHosts: ConfigOption<readonly string[] | undefined>;
  readonly trustedProxies: ConfigOption<readonly AddressRange[] | undefined>;
  readonly proxyHeader: ConfigOption<ProxyHeader>;
};

const HOST_NAME = /^[a-z0-9]([a-z0-9._-]{0,252}[a-z0-9])?$/i;

/** Every setting with its flag, environment variable, default and help text. */
export const PROXY_CONFIG_TABLE: ProxyConfigTable = {
  httpHosts: {
    flag: "http-host",
    environment: "GITSTRATUM_HTTP_HOST",
    placeholder: "NAME,NAME",
    help:
      "Names of the server beside localhost (default: without --auth on loopback none, else all).",
    parse: (text) => text.split(",").map((part) => parseHost(part.trim())),
  },
  trustedProxies: addressRangesOption({
    flag: "trusted-proxy",
    environment: "GITSTRATUM_TRUSTED_PROXY",
    help: "Proxies that are believed about whom they ask for, as addresses or ranges.",
  }),
  proxyHeader: choiceOption({
    flag: "proxy-header",
    environment: "GITSTRATUM_PROXY_HEADER",
    words: PROXY_HEADERS,
    defaultText: "x-forwarded-for",
    help: "Where trusted proxies tell it; no other header is read.",
  }),
};

/** A name, or an address with or without brackets. */
function parseHost(text: string): string {
  const address = /^\[?([0-9a-f:.]*:[0-9a-f:.]*)\]?$/i.exec(text)?.[1];
  if (address !== undefined && URL.canParse(`http://[${address}]/`)) return address;
  if (HOST_NAME.test(text)) return text;
  throw new Error(`must hold names without ports, not ${JSON.stringify(text.slice(0, 100))}`);
}

/** What the settings say, for whoever serves clients. */
export interface ClientPath {
  /** Hosts beside those of loopback that requests may be for; absent = any host is served. */
  readonly httpHosts?: readonly string[];
  /** Proxies that are believed; absent = none is. */
  readonly trust?: ProxyTrust;
}

/** Reads the settings together with those that decide on their defaults. */
export function clientPath(
  config: ConfigValues<ProxyConfigTable>,
  { auth, http }: { readonly auth: boolean; readonly http: SocketAddress },
): ClientPath {
  const { httpHosts, trustedProxies: proxies, proxyHeader: header } = config;
  const isOpen = !auth && isLoopback(http);
  return {
    ...(httpHosts === undefined && !isOpen ? {} : { httpHosts: httpHosts ?? [] }),
    ...(proxies === undefined ? {} : { trust: { proxies, header } }),
  };
}
