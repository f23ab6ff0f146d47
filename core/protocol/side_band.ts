/**
 * Side bands: pack data (1), progress (2) and a fatal error (3) over one connection
 * (gitprotocol-pack, "side-band", "side-band-64k").
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { PKT_LINE_PAYLOAD_MAX, SIDE_BAND_PAYLOAD_MAX } from "../limits.ts";
import { PKT_LINE_HEADER_BYTES, writePktLength } from "./pkt_line.ts";

/** 1 = data, 2 = progress for people, 3 = fatal error. */
export type SideBand = 1 | 2 | 3;

/** Which side band the client asked for. */
export type SideBandMode = "side-band" | "side-band-64k";

/** Bytes in front of every framed payload: the length and the band. */
export const SIDE_BAND_HEADER_BYTES: number = PKT_LINE_HEADER_BYTES + 1;

/** Payload of a legacy `side-band` packet: 1000 bytes on the wire. */
const LEGACY_PAYLOAD_MAX = 1000 - SIDE_BAND_HEADER_BYTES;

/** Most bytes of content in one packet. */
export function sideBandPayloadMax(mode: SideBandMode): number {
  return mode === "side-band" ? LEGACY_PAYLOAD_MAX : SIDE_BAND_PAYLOAD_MAX;
}

/** Bytes that `contentBytes` take when framed. */
export function sideBandFramedBytes(
  contentBytes: number,
  mode: SideBandMode = "side-band-64k",
): number {
  const packets = Math.ceil(contentBytes / sideBandPayloadMax(mode));
  return contentBytes + packets * SIDE_BAND_HEADER_BYTES;
}

/**
 * Frames bytes into as many packets as they need, in one allocation. No bytes, no packet.
 *
 * Callers that hand in multiples of {@link sideBandPayloadMax} waste no header bytes.
 */
export function frameSideBand(
  band: SideBand,
  content: Uint8Array,
  options: { readonly mode?: SideBandMode } = {},
): Uint8Array<ArrayBuffer> {
  const mode = options.mode ?? "side-band-64k";
  const max = sideBandPayloadMax(mode);
  const framed = new Uint8Array(sideBandFramedBytes(content.length, mode));
  let to = 0;
  for (let from = 0; from < content.length; from += max) {
    const payload = content.subarray(from, from + max);
    writeSideBandHeader(framed, { band, contentBytes: payload.length }, to);
    framed.set(payload, to + SIDE_BAND_HEADER_BYTES);
    to += SIDE_BAND_HEADER_BYTES + payload.length;
  }
  return framed;
}

/**
 * Writes the header of one packet at `offset` of `target`, for callers that read content right into
 * its place behind the header.
 */
export function writeSideBandHeader(
  target: Uint8Array,
  packet: { readonly band: SideBand; readonly contentBytes: number },
  offset: number,
): void {
  writePktLength(target, SIDE_BAND_HEADER_BYTES + packet.contentBytes, offset);
  target[offset + PKT_LINE_HEADER_BYTES] = packet.band;
}

/** Frames text. */
export function frameSideBandText(
  band: SideBand,
  text: string,
  options: { readonly mode?: SideBandMode } = {},
): Uint8Array<ArrayBuffer> {
  return frameSideBand(band, new TextEncoder().encode(text), options);
}

/** An empty packet on the data band: tells a waiting client that the server lives (`0005` and 1). */
export function keepAlivePkt(): Uint8Array<ArrayBuffer> {
  return sideBandPkt(1);
}

/** An empty packet on a band; with `sideband-all` keep-alives use the progress band. */
export function sideBandPkt(band: SideBand): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(SIDE_BAND_HEADER_BYTES);
  writeSideBandHeader(packet, { band, contentBytes: 0 }, 0);
  return packet;
}

/**
 * Takes the band off a packet's payload.
 *
 * @throws `invalid` when there is no such band
 */
export function parseSideBand(
  payload: Uint8Array,
): { readonly band: SideBand; readonly content: Uint8Array } {
  const band = payload[0];
  if (band === 1 || band === 2 || band === 3) return { band, content: payload.subarray(1) };
  throw new GitStratumError("invalid", "Expect a side band of 1, 2 or 3", {
    data: { found: band, bytes: Math.min(payload.length, PKT_LINE_PAYLOAD_MAX) },
  });
}
