/**
 * Whom a limit counts for.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";

/** What limits can count by. */
export const RATE_SUBJECT_KINDS = ["address", "user", "token", "repository"] as const;

/** One of {@link RATE_SUBJECT_KINDS}. */
export type RateSubjectKind = typeof RATE_SUBJECT_KINDS[number];

/** One address, user, token or repository. */
export interface RateSubject {
  /** What it is. */
  readonly kind: RateSubjectKind;
  /** Which one: a network, a user's id, a token's id (never the token), a repository's name. */
  readonly id: string;
}

/** A subject as one text, equal for equal subjects. */
export type RateKey = string & { readonly [rateKeyBrand]: never };
declare const rateKeyBrand: unique symbol;

/** Longest id in a key: a repository's name with its owner's. */
const ID_LENGTH_MAX = 300;
const KEY = /^(address|user|token|repository):(.+)$/s;

/** The key of a subject. Ids beyond any real one are cut: they name nothing. */
export function rateKey({ kind, id }: RateSubject): RateKey {
  return `${kind}:${id.slice(0, ID_LENGTH_MAX)}` as RateKey;
}

/** The subject of a key. @throws `invalid` for a text that is no key */
export function parseRateKey(text: string): RateSubject & { readonly key: RateKey } {
  const [, kind, id] = KEY.exec(text) ?? [];
  if (kind === undefined || id === undefined || id.length > ID_LENGTH_MAX) {
    throw new GitStratumError("invalid", "Expect the key of a limit", {
      data: { found: text.slice(0, 80) },
    });
  }
  return { kind: kind as RateSubjectKind, id, key: text as RateKey };
}

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
const IPV6_GROUPS = 8;
const NETWORK_GROUPS = 4;

/**
 * The subject of a client's address. An IPv6 client has a network of 2^64 addresses to itself, so that
 * is what counts; an address that is written as neither kind counts as it is.
 */
export function addressSubject(address: string): RateSubject {
  const plain = MAPPED_IPV4.exec(address)?.[1] ?? address.replace(/%.*$/s, "");
  return { kind: "address", id: plain.includes(":") ? ipv6Network(plain) : plain };
}

function ipv6Network(address: string): string {
  const [head = "", tail] = address.toLowerCase().split("::", 2);
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = tail === undefined ? 0 : Math.max(0, IPV6_GROUPS - before.length - after.length);
  const groups = [...before, ...Array<string>(gap).fill("0"), ...after];
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${network.join(":")}::/64`;
}
