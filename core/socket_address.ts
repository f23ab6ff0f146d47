/**
 * Addresses to listen on, as people write them: `127.0.0.1:8080`, `[::1]:0`, `localhost:80`.
 *
 * @module
 */

import type { ConfigOption, OptionNames } from "./config.ts";

/** A host and a port. */
export interface SocketAddress {
  /** Host name or IP address, without brackets. */
  readonly hostname: string;
  /** 0 lets the system pick one. */
  readonly port: number;
}

const ADDRESS = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/i;

/** Reads `host:port` or `[address]:port`; undefined when the text is neither. */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  const match = ADDRESS.exec(text);
  const hostname = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (hostname === undefined || port > 65535) return undefined;
  return { hostname, port };
}

/** The address as {@link parseSocketAddress} reads it, and as it stands in a URL. */
export function formatSocketAddress(address: SocketAddress): string {
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** Whether only this machine can reach the address. */
export function isLoopback(address: SocketAddress): boolean {
  const hostname = address.hostname.toLowerCase();
  return hostname === "localhost" || hostname === "::1" ||
    /^127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$/.test(hostname);
}

/** Whether the address stands for every interface of the machine. */
export function isWildcard({ hostname }: SocketAddress): boolean {
  return hostname === "0.0.0.0" || /^[0:]+$/.test(hostname);
}

/** A setting that holds an address. */
export function addressOption(
  names: OptionNames & { readonly defaultText: string },
): ConfigOption<SocketAddress> {
  return {
    ...names,
    placeholder: "HOST:PORT",
    parse(text) {
      const address = parseSocketAddress(text);
      if (address === undefined) {
        throw new Error(`must be HOST:PORT or [ADDRESS]:PORT, not ${JSON.stringify(text)}`);
      }
      return address;
    },
  };
}
