/**
 * How nodes of a cluster know each other: whoever calls a node shows that it holds the cluster's
 * secret, by a token that is good for one minute and one request line.
 *
 * A token is `1.NODE.TIME.NONCE.MAC`: the caller's id, its wall clock in milliseconds, random bytes,
 * and an HMAC-SHA-256 over all of these, the method, the host and the path with its query. The secret
 * itself never travels. A service behind {@link authenticated} answers 401 without a body to everybody
 * else, whatever they ask for.
 *
 * A caller that says the same request line again within a second says it with the same token, and the
 * service remembers which tokens it found good: pushes ask the same few things again and again, and a
 * token that is made and checked costs more than the rest of a call in code that is not compiled yet.
 *
 * What this does not do: it neither hides nor seals bodies. Whoever can read the network may send a
 * token again within its minute, to the same path. Every call between nodes is made to be repeated, so
 * a mere repetition does no harm; another body would. Where the network is not trusted, nodes have to
 * speak TLS.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { GitStratumError } from "../error.ts";
import { NODE_TOKEN_WINDOW_MS } from "../limits.ts";
import type { Random } from "../random.ts";
import { errorResponse } from "./error_response.ts";
import type { Fetcher, Service } from "./fetcher.ts";
import { Hmac } from "./hmac.ts";
import { RecentTokens } from "./recent_tokens.ts";
import type { NodeId } from "./topology/topology.ts";

const SCHEME = "GitStratum-Node ";
const TOKEN = /^1\.([a-z0-9][a-z0-9-]{0,62})\.([0-9]{1,15})\.([0-9a-f]{16})\.([0-9a-f]{64})$/;
const NONCE_BYTES = 8;
/** So much younger than {@link NODE_TOKEN_WINDOW_MS} that clocks may still differ by nearly as much. */
const TOKEN_REUSE_MS = 1000;

/** Who signs. */
export interface SigningOptions {
  /** What every node of the cluster knows; the newest one. */
  readonly secret: string;
  /** Tells the wall time that goes into tokens. */
  readonly clock: Clock;
  /** Makes tokens differ. */
  readonly random: Random;
  /** The caller. */
  readonly nodeId: NodeId;
}

/** Why a request was refused, for the log of whoever refused it. */
export interface AuthRefusal {
  /** What was wrong: nothing that may be told to the caller. */
  readonly reason: "no token" | "malformed token" | "clocks differ" | "wrong signature";
  /** Who it says it is; nobody has checked that. */
  readonly claimedNodeId?: string;
  /** How far ahead the caller's clock is, in milliseconds, when that was the reason. */
  readonly aheadMs?: number;
}

/** Who checks. */
export interface AuthenticationOptions {
  /** The secrets that are accepted; during a rotation the new and the old one. Never none. */
  readonly secrets: readonly string[];
  /** Tells the wall time that tokens are compared with. */
  readonly clock: Clock;
  /** Told of every refusal. */
  readonly onRefused?: (refusal: AuthRefusal) => void;
}

interface Claims {
  readonly nodeId: string;
  readonly timeMs: string;
  readonly nonce: string;
}

/**
 * A fetcher that signs what it sends. A refusal comes back as a `denied` error with status 401: a
 * matter of secrets and clocks, which no other node will judge otherwise.
 */
export function signingFetcher(fetcher: Fetcher, options: SigningOptions): Fetcher {
  const { secret, clock, random, nodeId } = options;
  const hmac = new Hmac(secret);
  const made = new RecentTokens<{ readonly header: string; readonly atMs: number }>();
  const headerFor = (request: Request): string => {
    const nowMs = Math.floor(clock.nowMs());
    const line = lineOf(request);
    const known = made.get(line);
    // A clock that was put back makes a token of the future, which others might refuse.
    if (known !== undefined && known.atMs <= nowMs && nowMs < known.atMs + TOKEN_REUSE_MS) {
      return known.header;
    }
    const timeMs = String(nowMs);
    const nonce = random.bytes(NONCE_BYTES).toHex();
    const mac = macOf(hmac, { nodeId, timeMs, nonce }, request).toHex();
    const header = `${SCHEME}1.${nodeId}.${timeMs}.${nonce}.${mac}`;
    made.note(line, { header, atMs: nowMs });
    return header;
  };
  return async (request) => {
    request.headers.set("authorization", headerFor(request));
    const response = await fetcher(request);
    if (response.status !== 401) return response;
    await response.body?.cancel();
    return errorResponse(
      new GitStratumError("denied", "Be refused by a node of the cluster", {
        data: { host: new URL(request.url).host, hint: "Compare the secrets and the clocks" },
      }),
    );
  };
}

/** A service that only those can ask who hold a secret of the cluster. */
export function authenticated(service: Service, options: AuthenticationOptions): Service {
  const { secrets, onRefused } = options;
  assert(secrets.length > 0 && secrets.every((secret) => secret !== ""), "There is a secret");
  const hmacs = secrets.map((secret) => new Hmac(secret));
  const parts = { hmacs, clock: options.clock, good: new RecentTokens<GoodToken>() };
  return {
    async fetch(request) {
      const refusal = judge(request, parts);
      if (refusal === undefined) return await service.fetch(request);
      onRefused?.(refusal);
      await request.body?.cancel();
      return new Response(null, { status: 401 });
    },
  };
}

/** A token whose signature was found right. */
interface GoodToken {
  readonly line: string;
  readonly mac: Uint8Array;
}

function judge(
  request: Request,
  parts: {
    readonly hmacs: readonly Hmac[];
    readonly clock: Clock;
    readonly good: RecentTokens<GoodToken>;
  },
): AuthRefusal | undefined {
  const header = request.headers.get("authorization");
  if (header === null || !header.startsWith(SCHEME)) return { reason: "no token" };
  const fields = TOKEN.exec(header.slice(SCHEME.length));
  if (fields === null) return { reason: "malformed token" };
  const [, nodeId, timeMs, nonce, mac] = fields as unknown as [
    string,
    string,
    string,
    string,
    string,
  ];
  const claimedNodeId = nodeId;
  const aheadMs = Number(timeMs) - parts.clock.nowMs();
  // First the signature: only who has the secret learns, from the log, that a clock is wrong.
  const isRight = isSigned(request, { claims: { nodeId, timeMs, nonce }, mac }, parts);
  if (!isRight) return { reason: "wrong signature", claimedNodeId };
  if (Math.abs(aheadMs) <= NODE_TOKEN_WINDOW_MS) return undefined;
  return { reason: "clocks differ", claimedNodeId, aheadMs };
}

/** Whether a token was made for the request by somebody who has a secret. */
function isSigned(
  request: Request,
  token: { readonly claims: Claims; readonly mac: string },
  { hmacs, good }: { readonly hmacs: readonly Hmac[]; readonly good: RecentTokens<GoodToken> },
): boolean {
  const { claims } = token;
  const sent = Buffer.from(token.mac, "hex");
  const line = lineOf(request);
  // Found by what everybody may know of it, and compared like any other.
  const key = `${claims.nodeId}.${claims.timeMs}.${claims.nonce}`;
  const known = good.get(key);
  if (known?.line === line && timingSafeEqual(sent, known.mac)) return true;
  const isRight = hmacs
    .map((hmac) => timingSafeEqual(sent, macOf(hmac, claims, request)))
    .includes(true);
  if (isRight) good.note(key, { line, mac: sent });
  return isRight;
}

/** All of a request that a token is for. */
function lineOf({ method, url }: Request): string {
  return `${method} ${url}`;
}

/** Both ends see the request line that travels, so they sign the same text. */
function macOf(hmac: Hmac, claims: Claims, request: Request): Uint8Array {
  const { host, pathname, search } = new URL(request.url);
  const { nodeId, timeMs, nonce } = claims;
  const said = [
    "gitstratum-node-1",
    nodeId,
    timeMs,
    nonce,
    request.method,
    host,
    pathname + search,
  ];
  return hmac.of(said.join("\n"));
}
