/**
 * Listing references to fetchers in v0 and v1 (gitprotocol-pack, "Reference Discovery"). What pushers
 * see is in `reference_lines.ts`.
 *
 * @module
 */

import { type ObjectFormat, zeroOid } from "../git/oid.ts";
import type { Reference, ReferenceListing } from "../rpc/metadata/metadata.ts";
import type { ProtocolVersion } from "./capabilities.ts";
import { PktLineBuffer } from "./pkt_line.ts";

/** Bytes of packets that are gathered before they are handed on. */
const BATCH_BYTES = 64 * 1024;

/** How to list references. */
export interface ReferenceAdvertisementOptions {
  /** v1 puts its version in front. */
  readonly version: Exclude<ProtocolVersion, 2>;
  /** What stands behind the NUL of the first line. */
  readonly capabilities: string;
  /** Format of the repository. */
  readonly objectFormat: ObjectFormat;
}

/** Writes lines; the first carries the capabilities. */
class AdvertisementLines {
  readonly buffer = new PktLineBuffer();
  #capabilities: string | undefined;

  constructor(capabilities: string) {
    this.#capabilities = capabilities;
  }

  /** Whether a line has been written. */
  get started(): boolean {
    return this.#capabilities === undefined;
  }

  add(oid: string, name: string): void {
    const tail = this.#capabilities === undefined ? "" : `\0${this.#capabilities}`;
    this.#capabilities = undefined;
    this.buffer.text(`${oid} ${name}${tail}\n`);
  }
}

function addReference(lines: AdvertisementLines, reference: Reference): void {
  lines.add(reference.oid, reference.name);
  if (reference.peeled !== undefined) lines.add(reference.peeled, `${reference.name}^{}`);
}

/**
 * The advertisement of upload-pack as chunks of packets, final flush included: HEAD first, and what tags
 * point at. A repository without references is a single line that
 * carries the capabilities.
 */
export async function* advertiseReferences(
  listing: ReferenceListing,
  options: ReferenceAdvertisementOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { objectFormat } = options;
  const lines = new AdvertisementLines(options.capabilities);
  if (options.version === 1) lines.buffer.text("version 1\n");
  if (listing.head.oid !== undefined) lines.add(listing.head.oid, "HEAD");
  for await (const batch of listing.references) {
    for (const reference of batch) {
      addReference(lines, reference);
      if (lines.buffer.byteLength >= BATCH_BYTES) yield lines.buffer.take();
    }
  }
  if (!lines.started) lines.add(zeroOid(objectFormat), "capabilities^{}");
  yield lines.buffer.flush().take();
}
