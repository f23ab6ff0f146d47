/**
 * What stands in an `Authorization` header (RFC 9110, 11.6.2): a token by Basic (RFC 7617) or Bearer
 * (RFC 6750).
 *
 * Git asks for a user and a password. The password is a token; the user is the token's, or
 * `x-access-token` for those who do not know. Tools that know one field only may give the token as
 * the user.
 *
 * @module
 */

import { AUTHORIZATION_BYTES_MAX } from "@gitstratum/core";
import { type AccessToken, parseAccessToken } from "@gitstratum/core/access";

/** What a client shows to be who it is. */
export type ShownSecret =
  /** Nothing at all. */
  | { readonly kind: "none" }
  /** Something that can not be a token of this server. */
  | { readonly kind: "malformed" }
  | {
    readonly kind: "token";
    readonly token: AccessToken;
    /** Whose it is said to be; absent when nobody says. */
    readonly user?: string;
  };

/** Users that stand for whoever has the token. */
const NOBODY_IN_PARTICULAR: ReadonlySet<string> = new Set(["", "x-access-token"]);
/** Passwords that stand for none, where the token is the user. */
const NO_PASSWORD: ReadonlySet<string> = new Set(["", "x-oauth-basic"]);
const HEADER = /^(basic|bearer) +([A-Za-z0-9+/=._~-]+) *$/i;
const MALFORMED: ShownSecret = { kind: "malformed" };

/** Reads a header; null stands for its absence. */
export function readAuthorization(header: string | null): ShownSecret {
  if (header === null) return { kind: "none" };
  if (header.length > AUTHORIZATION_BYTES_MAX) return MALFORMED;
  const [, scheme, value] = HEADER.exec(header) ?? [];
  if (scheme === undefined || value === undefined) return MALFORMED;
  return scheme.toLowerCase() === "basic" ? readBasic(value) : shown(value);
}

function readBasic(value: string): ShownSecret {
  const text = decode(value);
  const colon = text?.indexOf(":") ?? -1;
  if (text === undefined || colon < 0) return MALFORMED;
  const user = text.slice(0, colon);
  const password = text.slice(colon + 1);
  if (NO_PASSWORD.has(password)) {
    // URLs such as https://name@host make clients that never ask send an empty password.
    return shown(user);
  }
  return shown(password, user);
}

function shown(secret: string, user = ""): ShownSecret {
  const token = parseAccessToken(secret);
  if (token === undefined) return MALFORMED;
  return { kind: "token", token, ...(NOBODY_IN_PARTICULAR.has(user) ? {} : { user }) };
}

function decode(base64: string): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(base64));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
