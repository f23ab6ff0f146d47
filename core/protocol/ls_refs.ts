/**
 * `ls-refs` of protocol v2.
 *
 * @module
 */

import { REFERENCE_PREFIX_COUNT_MAX } from "../limits.ts";
import type { HeadInfo, Reference, ReferenceListing } from "../rpc/metadata/metadata.ts";
import { readArguments } from "./command_request.ts";
import { PktLineBuffer } from "./pkt_line.ts";
import type { PktLineReader } from "./pkt_line_reader.ts";
import { excerpt, protocolError } from "./protocol_error.ts";

/** What a client asks to be listed. */
export interface LsRefsRequest {
  /** Show what annotated tags point at. */
  readonly peel: boolean;
  /** Show what symbolic references point at. */
  readonly symrefs: boolean;
  /** Show HEAD even if its branch is unborn. */
  readonly unborn: boolean;
  /** Prefixes of full names, any of which must match; empty = all. */
  readonly prefixes: readonly string[];
}

/** Bytes of packets that are gathered before they are handed on. */
const BATCH_BYTES = 64 * 1024;

/**
 * Reads the arguments of an `ls-refs`.
 *
 * @throws `invalid` when one is unknown
 */
export async function readLsRefsRequest(reader: PktLineReader): Promise<LsRefsRequest> {
  const flags = new Set<string>();
  const prefixes: string[] = [];
  await readArguments(reader, {
    command: "ls-refs",
    add(line) {
      if (line === "peel" || line === "symrefs" || line === "unborn") flags.add(line);
      else if (!line.startsWith("ref-prefix ")) {
        throw protocolError(`unexpected line: '${excerpt(line)}'`);
      } else if (prefixes.length < REFERENCE_PREFIX_COUNT_MAX) prefixes.push(line.slice(11));
    },
  });
  return {
    peel: flags.has("peel"),
    symrefs: flags.has("symrefs"),
    unborn: flags.has("unborn"),
    // Prefixes are meant as a comprehensive list, so a cut list is no list.
    prefixes: prefixes.length < REFERENCE_PREFIX_COUNT_MAX ? prefixes : [],
  };
}

/** The line for HEAD, or undefined when it is not to be shown. */
export function lsRefsHeadLine(head: HeadInfo, request: LsRefsRequest): string | undefined {
  const { prefixes } = request;
  if (prefixes.length > 0 && !prefixes.some((prefix) => "HEAD".startsWith(prefix))) {
    return undefined;
  }
  if (head.oid === undefined && !(request.unborn && request.symrefs)) return undefined;
  const symref = request.symrefs ? ` symref-target:${head.target}` : "";
  return `${head.oid ?? "unborn"} HEAD${symref}\n`;
}

/** The line for a reference. */
export function lsRefsLine(reference: Reference, request: LsRefsRequest): string {
  const peeled = request.peel && reference.peeled !== undefined;
  return `${reference.oid} ${reference.name}${peeled ? ` peeled:${reference.peeled}` : ""}\n`;
}

/** The whole response as chunks of packets, final flush included. */
export async function* lsRefsResponse(
  listing: ReferenceListing,
  request: LsRefsRequest,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const buffer = new PktLineBuffer();
  const head = lsRefsHeadLine(listing.head, request);
  if (head !== undefined) buffer.text(head);
  for await (const batch of listing.references) {
    for (const reference of batch) {
      buffer.text(lsRefsLine(reference, request));
      if (buffer.byteLength >= BATCH_BYTES) yield buffer.take();
    }
  }
  yield buffer.flush().take();
}
