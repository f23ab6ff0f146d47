/**
 * Requests to upload-pack in protocol version 2, as git's own client sends them.
 *
 * @module
 */

import type { HttpRequest } from "./http_exchange.ts";
import { packetLine } from "./packet_lines.ts";

const encoder = new TextEncoder();
const HEADERS = { "Git-Protocol": "version=2" } as const;
const POST_HEADERS = {
  ...HEADERS,
  "Content-Type": "application/x-git-upload-pack-request",
  Accept: "application/x-git-upload-pack-result",
} as const;

/** What to fetch. */
export interface FetchWish {
  readonly wants: readonly string[];
  readonly haves?: readonly string[];
  readonly depth?: number;
  readonly filter?: string;
  /** Whether the client is through with negotiating; true unless it has something. */
  readonly done?: boolean;
}

/** The first request of every clone and fetch. */
export function advertisementRequest(path: string, service = "git-upload-pack"): HttpRequest {
  const headers = service === "git-upload-pack" ? HEADERS : {};
  return { method: "GET", path: `${path}/info/refs?service=${service}`, headers };
}

function post(path: string, command: string, lines: readonly string[]): HttpRequest {
  const head = [`command=${command}\n`, "agent=bench/1\n", "object-format=sha1\n"];
  const body = `${head.map(packetLine).join("")}0001${lines.map(packetLine).join("")}0000`;
  return {
    method: "POST",
    path: `${path}/git-upload-pack`,
    headers: POST_HEADERS,
    body: encoder.encode(body),
  };
}

/** Lists references; all of them without prefixes. */
export function listRequest(path: string, prefixes: readonly string[] = []): HttpRequest {
  const lines = ["peel\n", "symrefs\n", ...prefixes.map((prefix) => `ref-prefix ${prefix}\n`)];
  return post(path, "ls-refs", lines);
}

/** Fetches objects. */
export function fetchRequest(path: string, wish: FetchWish): HttpRequest {
  const { depth, filter } = wish;
  return post(path, "fetch", [
    "thin-pack\n",
    "no-progress\n",
    "include-tag\n",
    "ofs-delta\n",
    ...(depth === undefined ? [] : [`deepen ${depth}\n`]),
    ...(filter === undefined ? [] : [`filter ${filter}\n`]),
    ...wish.wants.map((oid) => `want ${oid}\n`),
    ...(wish.haves ?? []).map((oid) => `have ${oid}\n`),
    ...(wish.done ?? wish.haves === undefined ? ["done\n"] : []),
  ]);
}
