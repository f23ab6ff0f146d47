/**
 * The `bundle-uri` command of protocol v2: bundles that a client may fetch before it asks for a pack.
 *
 * Source: gitprotocol-v2 (bundle-uri), git-config (`bundle.*`).
 *
 * @module
 */

import type { OfferedBundle } from "../rpc/repository/offered_download.ts";
import { readArguments } from "./command_request.ts";
import { PktLineBuffer } from "./pkt_line.ts";
import type { PktLineReader } from "./pkt_line_reader.ts";
import { excerpt, protocolError } from "./protocol_error.ts";

/** Reads the arguments of a `bundle-uri`: there are none. @throws `invalid` when there is one */
export async function readBundleUriRequest(reader: PktLineReader): Promise<void> {
  await readArguments(reader, {
    command: "bundle-uri",
    add(line) {
      throw protocolError(`bundle-uri: unexpected argument: '${excerpt(line)}'`);
    },
  });
}

/**
 * The response: a list of which a client needs all. When every bundle has a creation token, clients are
 * told to go by them.
 */
export function bundleUriResponse(bundles: readonly OfferedBundle[]): Uint8Array<ArrayBuffer> {
  const buffer = new PktLineBuffer();
  const add = (key: string, value: string | number) => buffer.text(`bundle.${key}=${value}`);
  add("version", 1);
  add("mode", "all");
  const areOrdered = bundles.every(({ creationToken }) => creationToken !== undefined);
  if (areOrdered && bundles.length > 0) add("heuristic", "creationToken");
  for (const { id, uri, creationToken, filter } of bundles) {
    add(`${id}.uri`, uri);
    if (filter !== undefined) add(`${id}.filter`, filter);
    if (creationToken !== undefined) add(`${id}.creationtoken`, creationToken);
  }
  return buffer.flush().take();
}
