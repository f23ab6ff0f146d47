/**
 * Keeps the checkpoint of a comparison in a file, so that a restart does not begin it anew.
 *
 * Not synced: a checkpoint that is lost or torn costs a comparison from its beginning, never a copy.
 *
 * @module
 */

import { GitStratumError, JSON_BODY_BYTES_MAX } from "@gitstratum/core";
import type { Disk } from "@gitstratum/core/disk";
import { parseNodeId } from "@gitstratum/core/rpc";
import { z } from "zod";
import type { CheckpointStore, RepairCheckpoint } from "./anti_entropy.ts";

const PATH = "comparison.json";
const NEW_PATH = "comparison.new";

/** Schema of a {@link RepairCheckpoint}. */
export const checkpointSchema: z.ZodType<RepairCheckpoint> = z.object({
  rings: z.string(),
  peer: z.string().transform((text) => parseNodeId(text)),
  partCount: z.int().nonnegative(),
  absent: z.array(z.string().transform((text) => parseNodeId(text))),
  failedCount: z.int().nonnegative(),
});

/** A {@link CheckpointStore} in a node's directory. */
export class DiskCheckpoints implements CheckpointStore {
  readonly #disk: Disk;

  /** Uses a node's directory. */
  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** {@inheritDoc CheckpointStore.load} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async load(): Promise<RepairCheckpoint | undefined> {
    if (!this.#disk.exists(PATH)) return undefined;
    const file = this.#disk.open(PATH);
    const bytes = new Uint8Array(Math.min(file.size(), JSON_BODY_BYTES_MAX));
    file.readAt(bytes, 0);
    file.close();
    try {
      return checkpointSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
    } catch (error) {
      const isTorn = error instanceof SyntaxError || error instanceof z.ZodError ||
        error instanceof GitStratumError;
      if (isTorn) return undefined;
      throw error;
    }
  }

  /** {@inheritDoc CheckpointStore.save} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async save(checkpoint: RepairCheckpoint | undefined): Promise<void> {
    if (checkpoint === undefined) return this.#disk.remove(PATH);
    this.#disk.remove(NEW_PATH);
    const file = this.#disk.open(NEW_PATH, { write: true, create: true });
    file.writeAt(new TextEncoder().encode(JSON.stringify(checkpoint)), 0);
    file.close();
    this.#disk.rename(NEW_PATH, PATH);
  }
}
