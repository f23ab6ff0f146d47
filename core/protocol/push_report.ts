/**
 * What a push's client is told in the end (gitprotocol-pack, "Report Status").
 *
 * @module
 */

import { PKT_LINE_PAYLOAD_MAX } from "../limits.ts";
import type { CommandResult } from "../rpc/metadata/metadata.ts";
import { flushPkt, PktLineBuffer } from "./pkt_line.ts";
import type { PushCommands } from "./push_request.ts";
import { frameSideBand } from "./side_band.ts";

/** What became of a push. */
export interface PushOutcome {
  /** Undefined when the pack was taken, else why not. */
  readonly unpackError?: string;
  /** One for each command, in the client's order. */
  readonly results: readonly CommandResult[];
}

/** One line of text: what would break the frame or the client's terminal becomes a space. */
function oneLine(text: string): string {
  // deno-lint-ignore no-control-regex -- control characters are what it looks for
  return text.replaceAll(/[\x00-\x1f\x7f]+/g, " ").trim();
}

/** A line that fits a packet, whatever its UTF-8 length. */
function fitting(text: string): string {
  return text.slice(0, Math.floor(PKT_LINE_PAYLOAD_MAX / 3) - 1);
}

function resultLine(result: CommandResult): string {
  if (result.rejected === undefined) return fitting(`ok ${result.name}`);
  return fitting(`ng ${result.name} ${oneLine(result.rejected) || "failed"}`);
}

/** The report's packets, unframed, flush included. */
function reportPackets(outcome: PushOutcome): Uint8Array<ArrayBuffer> {
  const buffer = new PktLineBuffer();
  const unpacked = outcome.unpackError === undefined ? "ok" : oneLine(outcome.unpackError);
  buffer.text(`${fitting(`unpack ${unpacked}`)}\n`);
  for (const result of outcome.results) buffer.text(`${resultLine(result)}\n`);
  return buffer.flush().take();
}

/**
 * The end of the response to a push: the report when one was asked for, in side band 1 when there is a
 * side band, and the flush that closes the side band. `report-status-v2` looks the same as the first
 * version, since no reference is ever rewritten under way.
 */
export function pushReport(
  push: Pick<PushCommands, "report" | "sideBand">,
  outcome: PushOutcome,
): Uint8Array<ArrayBuffer> {
  const packets = push.report === "none" ? new Uint8Array(0) : reportPackets(outcome);
  if (push.sideBand === undefined) return packets;
  return new PktLineBuffer()
    .raw(frameSideBand(1, packets, { mode: push.sideBand }))
    .raw(flushPkt())
    .take();
}
