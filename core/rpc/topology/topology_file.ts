/**
 * The last topology of a node on its disk, so that a node that starts while the control plane is away
 * knows whom to ask.
 *
 * It is a hint: an old one costs detours, a damaged or missing one is none. So it is written by rename
 * and not synced more than the file system does by itself.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { Disk } from "../../disk/disk.ts";
import { type Topology, topologySchema } from "./topology.ts";

const NAME = "topology.json";
const NEW_NAME = "topology.json.new";
const DIGEST_LENGTH = 64;

/** Keeps one topology in a directory. */
export class TopologyFile {
  readonly #disk: Disk;

  /** Uses two names in the root of `disk`. */
  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** The topology that was saved last; undefined when there is none that can be trusted. */
  load(): Topology | undefined {
    if (!this.#disk.exists(NAME)) return undefined;
    const text = this.#read();
    const json = text.slice(DIGEST_LENGTH + 1);
    if (text.slice(0, DIGEST_LENGTH + 1) !== `${digestOf(json)}\n`) return undefined;
    return topologySchema.safeParse(JSON.parse(json)).data;
  }

  /** Keeps a topology in the place of the one before. @throws what the disk throws */
  save(topology: Topology): void {
    const json = JSON.stringify(topology);
    this.#disk.makeDirectory(".");
    const file = this.#disk.open(NEW_NAME, { write: true, create: true });
    try {
      file.truncate(0);
      file.writeAt(Buffer.from(`${digestOf(json)}\n${json}`), 0);
    } finally {
      file.close();
    }
    this.#disk.rename(NEW_NAME, NAME);
  }

  #read(): string {
    const file = this.#disk.open(NAME);
    try {
      const bytes = new Uint8Array(file.size());
      return new TextDecoder().decode(bytes.subarray(0, file.readAt(bytes, 0)));
    } finally {
      file.close();
    }
  }
}

function digestOf(json: string): string {
  return createHash("sha256").update(json).digest("hex");
}
