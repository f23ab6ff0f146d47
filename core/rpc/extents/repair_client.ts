/**
 * The background work of an object node as operators see it: how far it is, and "do it now".
 *
 * To pause it is a matter of the control plane (`RepairSwitch`), because it has to outlive a restart of
 * the node.
 *
 * @module
 */

import { z } from "zod";
import type { Fetcher } from "../fetcher.ts";
import { JsonClient } from "../json_client.ts";
import { type NodeId, nodeIdSchema } from "../topology/topology.ts";

/** `GET` answers a {@link RepairStatus}, `POST` to `/compare` below it begins a comparison. */
export const REPAIR_PATH = "/object/v1/replica/upkeep";

/** What the background work of a node is at. */
export interface RepairStatus {
  /** The newest ring of which the node holds all that it owns. */
  readonly ringVersion: number;
  /** The ring by which it goes. */
  readonly wantedRingVersion: number;
  /** Whether extents are being handed over from the ring before. */
  readonly handingOver: boolean;
  /** Whether an operator holds it up. */
  readonly paused: boolean;
  /** Whether it waits now: for an operator, or because callers need the node. */
  readonly waiting: boolean;
  /** Writes that the node keeps for others that were away. */
  readonly hintCount: number;
  /** Whether a comparison runs now. */
  readonly comparing: boolean;
  /** The comparison that runs, or the last one; absent before the first. */
  readonly comparison?: {
    /** Nodes to compare with. */
    readonly peerCount: number;
    /** Those that are done. */
    readonly peersDoneCount: number;
    /** Those of them that were away. */
    readonly absent: readonly NodeId[];
    /** Extents that were copied. */
    readonly copiedCount: number;
    /** Their bytes. */
    readonly copiedBytes: number;
    /** Steps that failed; they are tried again. */
    readonly failedCount: number;
  };
}

const count = z.int().nonnegative();

/** Schema of {@link RepairStatus}. */
export const repairStatusSchema: z.ZodType<RepairStatus> = z.object({
  ringVersion: count,
  wantedRingVersion: count,
  handingOver: z.boolean(),
  paused: z.boolean(),
  waiting: z.boolean(),
  hintCount: count,
  comparing: z.boolean(),
  comparison: z.object({
    peerCount: count,
    peersDoneCount: count,
    absent: z.array(nodeIdSchema),
    copiedCount: count,
    copiedBytes: count,
    failedCount: count,
  }).exactOptional(),
});

/** Asks one object node. */
export class RepairClient {
  readonly #client: JsonClient;

  /** Makes a client of the node behind `fetcher`. */
  constructor(fetcher: Fetcher, options: { readonly baseUrl?: string } = {}) {
    this.#client = new JsonClient(fetcher, options);
  }

  /** What the node is at. @throws `unsupported` when its release does not tell */
  status(): Promise<RepairStatus> {
    return this.#client.call(REPAIR_PATH, { method: "GET", schema: repairStatusSchema });
  }

  /** Lets the node compare itself with its peers as soon as a running comparison has ended. */
  async compare(): Promise<void> {
    await this.#client.call(`${REPAIR_PATH}/compare`, { schema: z.object({}) });
  }
}
