/**
 * Snapshots of partitions in extents: what a node starts from when the log no longer reaches back to
 * where its tables stand.
 *
 * A snapshot is durable before a log entry names it, so the log itself says which snapshots there are,
 * and that entry is always in the part of the log that is kept. Snapshots that no entry names are
 * swept like packs of pushes that failed.
 *
 * Fault model: a snapshot is believed when its bytes have the digest that the log has of it; one that
 * is damaged or gone is passed over for the one before, and the log is kept from there on.
 *
 * @module
 */

import { createHash } from "node:crypto";
import {
  type Clock,
  EXTENT_BYTES,
  GitStratumError,
  PARTITION_SNAPSHOT_BYTES_MAX,
  type Random,
} from "@gitstratum/core";
import type { Partition } from "@gitstratum/core/consensus";
import { partitionOf } from "@gitstratum/core/ring";
import {
  type ExtentId,
  extentId,
  type ExtentStore,
  type GroupId,
  type NetworkId,
  newGroupId,
  packId,
  packRanges,
} from "@gitstratum/core/rpc";
import type { LogRecord } from "../log/log_record.ts";
import { snapshotLines } from "./snapshot_format.ts";
import type { StateDatabase } from "./state_database.ts";

/** The log entry that names a snapshot. */
export type SnapshotRecord = LogRecord & { readonly kind: "snapshot-taken" };

/** What is needed to take and to read snapshots. */
export interface PartitionSnapshotsOptions {
  readonly extents: ExtentStore;
  readonly random: Random;
  readonly clock: Pick<Clock, "monotonicMs">;
}

/** The event loop is held for no longer while lines are made. */
const SLICE_MS = 10;

/** Writes, reads and removes snapshots. */
export class PartitionSnapshots {
  readonly #options: PartitionSnapshotsOptions;

  /** Keeps snapshots in an extent store. */
  constructor(options: PartitionSnapshotsOptions) {
    this.#options = options;
  }

  /**
   * Stores the state of a partition. Durable when it resolves; to be named in the log then.
   *
   * @throws `exhausted` when it is larger than any snapshot may be; errors of the extent store
   */
  async take(database: StateDatabase, partition: Partition): Promise<SnapshotRecord> {
    const { random, clock } = this.#options;
    const writer = new ExtentWriter(this.#options.extents, {
      owner: snapshotOwner(partition),
      snapshotId: newGroupId(random),
    });
    const view = database.snapshot();
    let lsn: number | undefined;
    try {
      let sliceStart = clock.monotonicMs();
      for (const line of snapshotLines(view.database, partition)) {
        lsn ??= (JSON.parse(line) as { readonly lsn: number }).lsn;
        await writer.add(line);
        if (clock.monotonicMs() - sliceStart < SLICE_MS) continue;
        await new Promise<void>((resolve) => setTimeout(resolve, 0));
        sliceStart = clock.monotonicMs();
      }
    } finally {
      view.release();
    }
    return { kind: "snapshot-taken", lsn: lsn!, ...await writer.finish() };
  }

  /**
   * Reads a snapshot.
   *
   * @throws `corrupt` when its bytes are not those that were written; errors of the extent store
   */
  async read(record: SnapshotRecord): Promise<Uint8Array<ArrayBuffer>> {
    const { bytes: length, extentBytes, snapshotId, digest } = record;
    if (length > PARTITION_SNAPSHOT_BYTES_MAX) throw tooLarge(length);
    const bytes = new Uint8Array(length);
    let position = 0;
    for (const range of packRanges(packId(snapshotId, "s"), { offset: 0, length, extentBytes })) {
      bytes.set(await this.#options.extents.read(range.id, range), position);
      position += range.length;
    }
    const found = createHash("sha256").update(bytes).digest("hex");
    if (found === digest) return bytes;
    throw new GitStratumError("corrupt", "Find other bytes in a snapshot than were written", {
      data: { snapshotId, wanted: digest, found },
    });
  }

  /** Removes the extents of a snapshot that is not needed any more. */
  async remove(record: Omit<SnapshotRecord, "kind" | "digest" | "lsn">): Promise<void> {
    const pack = packId(record.snapshotId, "s");
    const count = Math.ceil(record.bytes / record.extentBytes);
    const ids = Array.from({ length: count }, (_, index): ExtentId => extentId(pack, index));
    await this.#options.extents.remove(ids);
  }
}

/** Lines of a snapshot's bytes. */
export function* linesOf(bytes: Uint8Array): Generator<string> {
  const decoder = new TextDecoder("utf-8");
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(LINE_FEED, at);
    yield decoder.decode(bytes.subarray(at, end < 0 ? bytes.length : end));
    at = end < 0 ? bytes.length : end + 1;
  }
}

const LINE_FEED = 0x0a;

/** Cuts lines into extents and writes each as soon as it is full. */
class ExtentWriter {
  readonly #extents: ExtentStore;
  readonly #at: { readonly owner: NetworkId; readonly snapshotId: GroupId };
  readonly #hash = createHash("sha256");
  readonly #encoder = new TextEncoder();
  readonly #buffer = new Uint8Array(EXTENT_BYTES);
  #held = 0;
  #count = 0;
  #bytes = 0;

  constructor(
    extents: ExtentStore,
    at: { readonly owner: NetworkId; readonly snapshotId: GroupId },
  ) {
    this.#extents = extents;
    this.#at = at;
  }

  async add(line: string): Promise<void> {
    let bytes = this.#encoder.encode(line + "\n");
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes > PARTITION_SNAPSHOT_BYTES_MAX) throw tooLarge(this.#bytes);
    while (bytes.length > 0) {
      const part = bytes.subarray(0, EXTENT_BYTES - this.#held);
      this.#buffer.set(part, this.#held);
      this.#held += part.length;
      bytes = bytes.subarray(part.length);
      if (this.#held === EXTENT_BYTES) await this.#flush();
    }
  }

  async finish() {
    if (this.#held > 0) await this.#flush();
    return {
      snapshotId: this.#at.snapshotId,
      bytes: this.#bytes,
      extentBytes: EXTENT_BYTES,
      digest: this.#hash.digest("hex"),
    };
  }

  async #flush(): Promise<void> {
    const id = extentId(packId(this.#at.snapshotId, "s"), this.#count++);
    await this.#extents.write(this.#at.owner, [{ id, bytes: this.#buffer.slice(0, this.#held) }]);
    this.#held = 0;
  }
}

function tooLarge(bytes: number): GitStratumError {
  return new GitStratumError("exhausted", "Keep a snapshot above the size limit", {
    data: { bytes, bytesMax: PARTITION_SNAPSHOT_BYTES_MAX },
  });
}

const OWNERS = new Map<Partition, NetworkId>();

/** Whom snapshots of a partition belong to: no network, but an id that leads to the partition. */
export function snapshotOwner(partition: Partition): NetworkId {
  for (let number = 0; !OWNERS.has(partition); number++) {
    const id = number.toString(16).padStart(32, "0") as NetworkId;
    if (partitionOf(id) === partition) OWNERS.set(partition, id);
  }
  return OWNERS.get(partition)!;
}
