/**
 * Asks git's own upload-pack (protocol v0, stateless), the oracle for boundaries and packs.
 *
 * @module
 */

import { concatBytes } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import type { GitRepository } from "./git_repository.ts";

/** A fetch in the words of protocol v0. */
export interface UploadRequest {
  readonly wants: readonly Oid[];
  readonly haves: readonly Oid[];
  readonly clientShallow: readonly Oid[];
  /** `deepen…` lines. */
  readonly deepen: readonly string[];
  /** `filter …` line without its first word. */
  readonly filter?: string;
  readonly capabilities: readonly string[];
}

/** What git answered. */
export interface UploadAnswer {
  readonly shallow: ReadonlySet<string>;
  readonly unshallow: ReadonlySet<string>;
  readonly pack: Uint8Array;
}

/** Sends one request with `done`; undefined when git refuses it. */
export async function askUploadPack(
  repository: GitRepository,
  request: UploadRequest,
): Promise<UploadAnswer | undefined> {
  const capabilities = request.capabilities.join(" ");
  const lines = [
    ...request.wants.map((oid, at) => line(`want ${oid}${at === 0 ? ` ${capabilities}` : ""}`)),
    ...request.clientShallow.map((oid) => line(`shallow ${oid}`)),
    ...request.deepen.map(line),
    ...request.filter === undefined ? [] : [line(`filter ${request.filter}`)],
    "0000",
    ...request.haves.map((oid) => line(`have ${oid}`)),
    line("done"),
  ];
  const { code, output } = await repository.try([
    "-c",
    "uploadpack.allowAnySHA1InWant=true",
    "-c",
    "uploadpack.allowFilter=true",
    "upload-pack",
    "--stateless-rpc",
    ".",
  ], lines.join(""));
  return code === 0 ? parse(output, request.deepen.length > 0) : undefined;
}

function line(text: string): string {
  return (text.length + 5).toString(16).padStart(4, "0") + text + "\n";
}

function parse(output: Uint8Array, hasBoundary: boolean): UploadAnswer {
  const shallow = new Set<string>();
  const unshallow = new Set<string>();
  const pieces: Uint8Array[] = [];
  let isBoundary = hasBoundary;
  let at = 0;
  while (at < output.length) {
    if (output[at] === 0x50) {
      pieces.push(output.subarray(at));
      break;
    }
    const length = parseInt(new TextDecoder().decode(output.subarray(at, at + 4)), 16);
    const payload = output.subarray(at + 4, at + Math.max(4, length));
    const text = new TextDecoder().decode(payload).trim();
    if (length === 0) isBoundary = false;
    else if (isBoundary && text.startsWith("shallow ")) shallow.add(text.slice(8));
    else if (isBoundary && text.startsWith("unshallow ")) unshallow.add(text.slice(10));
    at += Math.max(4, length);
  }
  return { shallow, unshallow, pack: concatBytes(pieces) };
}
