/**
 * What a client of protocol v0 or v1 asks to fetch (gitprotocol-pack, "Packfile Negotiation"): wants,
 * the first with capabilities, then shallow, deepen and filter lines, then a flush. Haves follow.
 *
 * @module
 */

import { isOid, oidBytes } from "../git/oid.ts";
import { type Capabilities, parseCapabilities, requestedSideBand } from "./capabilities.ts";
import {
  FetchRequestBuilder,
  type FetchRequestOptions,
  type ReceivedFetch,
} from "./fetch_request.ts";
import { pktText } from "./pkt_line.ts";
import type { PktLineReader } from "./pkt_line_reader.ts";
import { excerpt, protocolError } from "./protocol_error.ts";
import type { SideBandMode } from "./side_band.ts";

/** How much the server says about common commits. */
export type MultiAck = "none" | "multi_ack" | "multi_ack_detailed";

/** A v0 or v1 request without its haves. */
export interface UploadRequest {
  /** What is asked, with no haves yet. */
  readonly request: ReceivedFetch;
  /** All capabilities of the client. */
  readonly capabilities: Capabilities;
  /** How much the client wants to be told. */
  readonly multiAck: MultiAck;
  /** The pack may follow at once when enough is common. */
  readonly noDone: boolean;
  /** Absent: the pack comes bare. */
  readonly sideBand?: SideBandMode;
}

const FLAG_CAPABILITIES = [
  "thin-pack",
  "ofs-delta",
  "no-progress",
  "include-tag",
  "deepen-relative",
] as const;

function multiAckOf(capabilities: Capabilities): MultiAck {
  if (capabilities.has("multi_ack_detailed")) return "multi_ack_detailed";
  return capabilities.has("multi_ack") ? "multi_ack" : "none";
}

/** The lines of a request. */
class UploadLines {
  readonly builder: FetchRequestBuilder;
  capabilities: Map<string, string> = new Map();
  readonly #options: FetchRequestOptions;

  constructor(options: FetchRequestOptions) {
    this.#options = options;
    this.builder = new FetchRequestBuilder(options.objectFormat);
  }

  add(line: string): void {
    const { features } = this.#options;
    if (features.shallow && this.builder.depthLine(line)) return;
    if (line.startsWith("filter ") && features.filter) {
      if (!this.capabilities.has("filter")) {
        throw protocolError("git upload-pack: filtering capability not negotiated");
      }
      return this.builder.filter(line.slice(7));
    }
    this.#addWant(line);
  }

  #addWant(line: string): void {
    const end = 5 + oidBytes(this.#options.objectFormat) * 2;
    const oid = line.slice(5, end);
    if (!line.startsWith("want ") || !isOid(oid, this.#options.objectFormat)) {
      throw protocolError(
        "git upload-pack: protocol error, expected to get object ID, " +
          `not '${excerpt(line)}'`,
      );
    }
    // Git's own server adds up the capabilities of all wants.
    for (const [name, value] of parseCapabilities(line.slice(end))) {
      if (!this.capabilities.has(name)) this.capabilities.set(name, value);
    }
    this.builder.want(oid);
  }
}

/**
 * Reads a request up to the flush behind its wants. Undefined when the client wants nothing: it sent
 * a lone flush, or hung up.
 *
 * @throws `invalid` when a line is malformed or was not offered
 * @throws `aborted` when the stream ends in the middle
 */
export async function readUploadRequest(
  reader: PktLineReader,
  options: FetchRequestOptions,
): Promise<UploadRequest | undefined> {
  const lines = new UploadLines(options);
  if (await reader.peek() === undefined) return undefined;
  for (;;) {
    const packet = await reader.expect();
    if (packet.kind === "flush") break;
    if (packet.kind !== "data") throw protocolError("unexpected packet in the list of wants");
    lines.add(pktText(packet.payload));
  }
  if (lines.builder.wants.size === 0) return undefined;
  const { builder, capabilities } = lines;
  for (const flag of FLAG_CAPABILITIES) if (capabilities.has(flag)) builder.flags.add(flag);
  const sideBand = requestedSideBand(capabilities);
  return {
    request: builder.build(),
    capabilities,
    multiAck: multiAckOf(capabilities),
    noDone: capabilities.has("no-done"),
    ...(sideBand === undefined ? {} : { sideBand }),
  };
}
