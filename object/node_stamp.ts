/**
 * Says whose data a directory holds, so that a node that is started on the wrong disk refuses to
 * serve, and one that finds an empty disk knows that it does.
 *
 * Invariants: a directory belongs to one node of one cluster for life. `filled` is false from the first
 * start until the node has compared itself with all its peers: until then it can not say what does not
 * exist.
 *
 * Faults: a stamp is replaced as a whole or not at all, whenever the power goes. One that can not be
 * read is an error for people, never a reason to make a new one.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { Disk } from "@gitstratum/core/disk";
import { type NodeId, parseNodeId } from "@gitstratum/core/rpc";
import { z } from "zod";

const PATH = "node.json";
const NEW_PATH = "node.new";
const STAMP_BYTES_MAX = 4096;

/** Schema of a stamp. */
export const stampSchema: z.ZodType<StampContent> = z.object({
  version: z.literal(1),
  node: z.string().transform((text) => parseNodeId(text)),
  cluster: z.string().min(1).max(100).nullable(),
  filled: z.boolean(),
});

interface StampContent {
  readonly version: 1;
  readonly node: NodeId;
  readonly cluster: string | null;
  readonly filled: boolean;
}

/** Whose directory it is to be. */
export interface StampClaim {
  /** The node that starts. */
  readonly node: NodeId;
  /** Whether the store in it has something. */
  readonly holdsData: boolean;
}

/** The stamp of a node's directory. */
export class NodeStamp {
  readonly #disk: Disk;
  #content: StampContent;

  private constructor(disk: Disk, content: StampContent) {
    this.#disk = disk;
    this.#content = content;
  }

  /**
   * Refuses the directory of another node, before anything in it is touched.
   *
   * @throws `denied` when it is another node's; `corrupt` when its stamp can not be read
   */
  static check(disk: Disk, node: NodeId): void {
    const found = readStamp(disk);
    if (found === undefined || found.node === node) return;
    throw new GitStratumError("denied", "Refuse a directory that holds another node's data", {
      data: { wanted: node, found: found.node },
    });
  }

  /**
   * Claims a directory for a node. One without a stamp becomes the node's, with what a node that stood
   * alone has written there.
   *
   * @throws as {@link NodeStamp.check} does
   */
  static async claim(disk: Disk, { node, holdsData }: StampClaim): Promise<NodeStamp> {
    NodeStamp.check(disk, node);
    const found = readStamp(disk);
    const content = found ?? { version: 1, node, cluster: null, filled: holdsData } as const;
    const stamp = new NodeStamp(disk, content);
    if (found === undefined) await stamp.#write(content);
    return stamp;
  }

  /**
   * Binds the directory to a cluster, or confirms that it is bound to it.
   *
   * @throws `denied` when it is bound to another one
   */
  async join(cluster: string): Promise<void> {
    const found = this.#content.cluster;
    if (found === cluster) return;
    if (found === null) return await this.#write({ ...this.#content, cluster });
    throw new GitStratumError("denied", "Refuse a directory that holds another cluster's data", {
      data: { wanted: cluster, found },
    });
  }

  /** Whether the node has had all that it owns since its directory was empty. */
  get filled(): boolean {
    return this.#content.filled;
  }

  /** Notes that the node has all that it owns. */
  async fill(): Promise<void> {
    if (!this.#content.filled) await this.#write({ ...this.#content, filled: true });
  }

  async #write(content: StampContent): Promise<void> {
    this.#disk.remove(NEW_PATH);
    const file = this.#disk.open(NEW_PATH, { write: true, create: true });
    try {
      file.writeAt(new TextEncoder().encode(`${JSON.stringify(content)}\n`), 0);
      await file.syncData();
    } finally {
      file.close();
    }
    this.#disk.rename(NEW_PATH, PATH);
    await this.#disk.syncDirectory("");
    this.#content = content;
  }
}

function readStamp(disk: Disk): StampContent | undefined {
  if (!disk.exists(PATH)) return undefined;
  const file = disk.open(PATH);
  const bytes = new Uint8Array(Math.min(file.size(), STAMP_BYTES_MAX));
  try {
    file.readAt(bytes, 0);
    return stampSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new GitStratumError("corrupt", "Read the stamp of a node's directory", {
      data: { path: PATH, bytes: bytes.length },
      cause,
    });
  } finally {
    file.close();
  }
}
