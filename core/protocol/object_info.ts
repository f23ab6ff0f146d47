/**
 * `object-info` of protocol v2: sizes of objects without the objects.
 *
 * @module
 */

import { isOid, type ObjectFormat, type Oid } from "../git/oid.ts";
import { WANT_COUNT_MAX } from "../limits.ts";
import { readArguments } from "./command_request.ts";
import { PktLineBuffer } from "./pkt_line.ts";
import type { PktLineReader } from "./pkt_line_reader.ts";
import { excerpt, protocolError } from "./protocol_error.ts";

/** Which objects a client asks about. */
export interface ObjectInfoRequest {
  /** Whether sizes are asked for; there is nothing else to ask. */
  readonly size: boolean;
  /** The objects, in the client's order. */
  readonly oids: readonly Oid[];
}

/** Reads the arguments of an `object-info`. @throws `invalid` when one is malformed */
export async function readObjectInfoRequest(
  reader: PktLineReader,
  format: ObjectFormat,
): Promise<ObjectInfoRequest> {
  let size = false;
  const oids: Oid[] = [];
  await readArguments(reader, {
    command: "object-info",
    add(line) {
      const oid = line.startsWith("oid ") ? line.slice(4) : "";
      if (line === "size") size = true;
      else if (isOid(oid, format)) oids.push(oid);
      else throw protocolError(`object-info: unexpected line: '${excerpt(line)}'`);
      if (oids.length > WANT_COUNT_MAX) throw protocolError("too many objects", "exhausted");
    },
  });
  return { size, oids };
}

/** The response. An object that the repository does not serve has no size in it. */
export function objectInfoResponse(
  request: ObjectInfoRequest,
  sizes: ReadonlyMap<Oid, number>,
): Uint8Array<ArrayBuffer> {
  const buffer = new PktLineBuffer();
  if (request.size) buffer.text("size");
  if (request.size) {
    for (const oid of request.oids) buffer.text(`${oid} ${sizes.get(oid) ?? ""}`);
  }
  return buffer.flush().take();
}
