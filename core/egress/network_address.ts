/**
 * Addresses of the network as numbers, and which of them are out in the public.
 *
 * A server that sends requests wherever its users say can be made to speak to what only it can reach:
 * itself, its neighbours, the metadata service of its cloud. So whatever is not certainly public is
 * refused. The ranges are those of the IANA registries of special-purpose addresses (RFC 6890) and a few
 * that clouds serve their secrets from.
 *
 * @module
 */

import { isIP } from "node:net";
import type { ConfigOption, OptionNames } from "../config.ts";
import { GitStratumError } from "../error.ts";

/** An address: 4 or 16 bytes. An IPv4 address in IPv6 clothes (`::ffff:a.b.c.d`) is one of 4 bytes. */
export type NetworkAddress = Uint8Array & { readonly __brand: "NetworkAddress" };

/** All addresses that begin with the same bits. */
export interface AddressRange {
  /** Any address of it. */
  readonly address: NetworkAddress;
  /** How many leading bits count. */
  readonly bits: number;
}

const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** Reads an address as programs print it; undefined when the text is none, or names a zone. */
export function parseNetworkAddress(text: string): NetworkAddress | undefined {
  switch (isIP(text)) {
    case 4:
      return Uint8Array.from(text.split("."), Number) as NetworkAddress;
    case 6:
      return text.includes("%") ? undefined : unmapped(sixteenBytes(text));
    default:
      return undefined;
  }
}

/** The bytes of an IPv6 address, by way of the one spelling that URLs give it. */
function sixteenBytes(text: string): Uint8Array {
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":");
  const before = groups(head);
  const after = groups(tail ?? "");
  const zeros = Array<string>(8 - before.length - after.length).fill("0");
  const bytes = [...before, ...zeros, ...after].flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  return Uint8Array.from(bytes);
}

function unmapped(bytes: Uint8Array): NetworkAddress {
  const isMapped = MAPPED_PREFIX.every((byte, index) => bytes[index] === byte);
  return (isMapped ? bytes.slice(12) : bytes) as NetworkAddress;
}

/**
 * Reads a range as `10.0.0.0/8` or `fd00::/8`; a single address is a range of one.
 *
 * @throws `invalid`
 */
export function parseAddressRange(text: string): AddressRange {
  const [, host = "", digits] = /^([^/]{1,64})(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  const address = parseNetworkAddress(host);
  const bits = digits === undefined ? (address?.length ?? 0) * 8 : Number(digits);
  if (address !== undefined && bits <= address.length * 8) return { address, bits };
  throw new GitStratumError("invalid", "Expect a range of addresses such as 10.0.0.0/8", {
    data: { found: text.slice(0, 80) },
  });
}

/** A setting that holds one or more ranges. */
export function addressRangesOption(
  names: OptionNames,
): ConfigOption<readonly AddressRange[] | undefined> {
  return {
    ...names,
    placeholder: "RANGE,RANGE",
    parse(text) {
      return text.split(",").map((part) => {
        try {
          return parseAddressRange(part.trim());
        } catch {
          // The range's own error speaks of no setting; here it is the operator who reads.
          throw new Error(`must hold ranges such as 10.1.0.0/16, not ${JSON.stringify(part)}`);
        }
      });
    },
  };
}

/** Whether an address lies in a range. */
export function isInRange(address: NetworkAddress, range: AddressRange): boolean {
  if (address.length !== range.address.length) return false;
  return address.every((byte, index) => {
    const bits = Math.min(Math.max(range.bits - index * 8, 0), 8);
    const mask = (0xff << (8 - bits)) & 0xff;
    return (byte & mask) === (range.address[index]! & mask);
  });
}

/** What is not public of IPv4. */
const CLOSED_4 = [
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"],
  ...["172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"],
  ...["198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"],
  // Azure's machines reach the platform under a public address.
  "168.63.129.16",
].map(parseAddressRange);
/** All that is public of IPv6, so that loopback, link-local, unique local and multicast are not. */
const OPEN_6 = parseAddressRange("2000::/3");
/** What of that is for protocols, documents, or carries an IPv4 address inside. */
const CLOSED_6 = ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"].map(parseAddressRange);

/** Whether an address is one that anybody on the Internet can reach. */
export function isPublicAddress(address: NetworkAddress): boolean {
  if (address.length === 4) return !CLOSED_4.some((range) => isInRange(address, range));
  return isInRange(address, OPEN_6) && !CLOSED_6.some((range) => isInRange(address, range));
}
