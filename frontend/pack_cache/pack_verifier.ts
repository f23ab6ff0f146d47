/**
 * Checks a framed pack as it lies in its file: every packet header, the pack's header, its trailer.
 *
 * @module
 */

import { createHash, type Hash } from "node:crypto";
import { setImmediate as immediate } from "node:timers/promises";
import { GitStratumError } from "@gitstratum/core";
import { type ObjectFormat, oidBytes } from "@gitstratum/core/git";
import { encodePackHeader } from "@gitstratum/core/pack";
import {
  SIDE_BAND_HEADER_BYTES,
  type SideBandMode,
  sideBandPayloadMax,
  writeSideBandHeader,
} from "@gitstratum/core/protocol";
import { packBlockBytes, packBytesWithin } from "./pack_blocks.ts";
import type { PackFile } from "./pack_file.ts";

/** What the file should hold. */
export interface ExpectedPack {
  /** Hash of the trailer. */
  readonly objectFormat: ObjectFormat;
  /** Entries in the pack. */
  readonly objectCount: number;
  /** How it is framed. */
  readonly mode: SideBandMode;
}

function damaged(what: string): GitStratumError {
  return new GitStratumError("corrupt", "Find a damaged pack in the cache", {
    data: { what },
  });
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.every((byte, index) => bytes[index] === byte);
}

/** Hashes all of a pack but its trailer, which it collects. */
class TrailerCheck {
  readonly #hash: Hash;
  readonly #trailer: Uint8Array;
  #hashedLeft: number;
  #collected = 0;

  constructor(packBytes: number, format: ObjectFormat) {
    this.#hash = createHash(format);
    this.#trailer = new Uint8Array(oidBytes(format));
    this.#hashedLeft = packBytes - this.#trailer.length;
  }

  add(content: Uint8Array): void {
    const hashed = content.subarray(0, this.#hashedLeft);
    this.#hash.update(hashed);
    this.#hashedLeft -= hashed.length;
    const rest = content.subarray(hashed.length);
    this.#trailer.set(rest, this.#collected);
    this.#collected += rest.length;
  }

  holds(): boolean {
    return this.#hash.digest().equals(this.#trailer);
  }
}

function* contentsOf(block: Uint8Array, mode: SideBandMode): Generator<Uint8Array> {
  const header = new Uint8Array(SIDE_BAND_HEADER_BYTES);
  const packetBytes = SIDE_BAND_HEADER_BYTES + sideBandPayloadMax(mode);
  for (let from = 0; from < block.length; from += packetBytes) {
    const packet = block.subarray(from, from + packetBytes);
    const contentBytes = packet.length - SIDE_BAND_HEADER_BYTES;
    if (contentBytes <= 0) throw damaged("packet");
    writeSideBandHeader(header, { band: 1, contentBytes }, 0);
    if (!startsWith(packet, header)) throw damaged("packet");
    yield packet.subarray(SIDE_BAND_HEADER_BYTES);
  }
}

/**
 * Reads the whole file, letting other work run after each block.
 *
 * @throws `corrupt` when it is not what was expected
 */
export async function verifyPack(file: PackFile, expected: ExpectedPack): Promise<void> {
  const { objectFormat, objectCount, mode } = expected;
  const header = encodePackHeader(objectCount);
  const packBytes = packBytesWithin(file.framedBytes, mode);
  if (packBytes < header.length + oidBytes(objectFormat)) throw damaged("length");
  const check = new TrailerCheck(packBytes, objectFormat);
  const memory = new Uint8Array(packBlockBytes(mode));
  for (let index = 0; index < file.blockCount; index++) {
    let isStart = index === 0;
    for (const content of contentsOf(file.readInto(memory, index), mode)) {
      if (isStart && !startsWith(content, header)) throw damaged("header");
      isStart = false;
      check.add(content);
    }
    await immediate();
  }
  if (!check.holds()) throw damaged("trailer");
}
