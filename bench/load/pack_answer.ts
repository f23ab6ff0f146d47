/**
 * Answers of upload-pack in protocol version 2: finds the pack in them and proves it whole.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { joinParts } from "./http_exchange.ts";
import { packets, packetText } from "./packet_lines.ts";

/** A pack that was received whole. */
export interface ReceivedPack {
  readonly bytes: Uint8Array;
  readonly objectCount: number;
}

const HASH_BYTES = 20;

/** Checks signature, version and trailer. @throws when anything is wrong */
export function checkPack(bytes: Uint8Array): ReceivedPack {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (
    bytes.length < 12 + HASH_BYTES || view.getUint32(0) !== 0x5041434b || view.getUint32(4) !== 2
  ) {
    throw new Error("The answer holds no pack");
  }
  const body = bytes.subarray(0, bytes.length - HASH_BYTES);
  const wanted = createHash("sha1").update(body).digest();
  if (wanted.compare(bytes.subarray(body.length)) !== 0) throw new Error("The trailer is wrong");
  return { bytes, objectCount: view.getUint32(8) };
}

/** Takes the pack out of the body of a fetch answer and checks it. */
export function readPackAnswer(body: Uint8Array): ReceivedPack {
  const parts: Uint8Array[] = [];
  let total = 0;
  let section: "before" | "pack" | "after" = "before";
  for (const packet of packets(body)) {
    if (section === "before") {
      if (packet.kind !== "data") continue;
      const text = packetText(packet.payload);
      if (text.startsWith("ERR ")) throw new Error(`The server refused: ${text}`);
      if (text === "packfile") section = "pack";
    } else if (packet.kind !== "data") {
      section = "after";
    } else if (packet.payload[0] === 1) {
      const part = packet.payload.subarray(1);
      parts.push(part);
      total += part.length;
    } else if (packet.payload[0] === 3) {
      throw new Error(`The server failed: ${packetText(packet.payload.subarray(1))}`);
    }
  }
  if (section !== "after") throw new Error("The answer has no end");
  return checkPack(joinParts(parts, total));
}
