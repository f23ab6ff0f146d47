/**
 * Which tokens of an issuer a trust means, and which addresses an issuer may have.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import type { ClaimRule } from "./access_record.ts";
import { coversReference } from "./reference_rule.ts";

const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Whether every rule holds for the claims of a token. A claim that is a list holds when one of its
 * members does; one that is missing, or no text, number or truth value, never does.
 */
export function claimsFit(
  rules: readonly ClaimRule[],
  claims: Readonly<Record<string, unknown>>,
): boolean {
  return rules.length > 0 && rules.every(({ claim, pattern }) => {
    const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
    return (Array.isArray(value) ? value : [value]).some((one) => {
      const text = typeof one === "number" || typeof one === "boolean" ? String(one) : one;
      return typeof text === "string" && coversReference(pattern, text);
    });
  });
}

/** Why rules make no trust; undefined when they do. */
export function trustProblem(rules: readonly ClaimRule[]): string | undefined {
  if (rules.some(({ pattern }) => pattern.includes("***"))) {
    return "a pattern has three stars in a row";
  }
  // An issuer that anybody may use speaks for strangers, too.
  if (rules.every(({ pattern }) => /^[*/]*$/.test(pattern))) return "no claim has to be anything";
  return undefined;
}

/**
 * Checks an address of an issuer: https, or http on loopback; no password, query or fragment.
 *
 * @throws `invalid` with the reason
 */
export function checkIssuerUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const reason = url === undefined ? "it is no URL" : urlProblem(url);
  if (url !== undefined && reason === undefined) return url;
  throw new GitStratumError("invalid", "Reject the address of an issuer", {
    data: { url: text.slice(0, 200), reason },
  });
}

function urlProblem(url: URL): string | undefined {
  const isLoopback = url.protocol === "http:" && LOOPBACK_HOSTS.has(url.hostname);
  if (url.protocol !== "https:" && !isLoopback) return "it is not https";
  if (url.username !== "" || url.password !== "") return "it has a password";
  return url.search !== "" || url.hash !== "" ? "it has a query or a fragment" : undefined;
}
