/**
 * What a node offers to those who replicate: extents with versions, tombstones, and hints it keeps for
 * others. `replica_contract_suite.ts` holds every implementation to it.
 *
 * @module
 */

import type { ExtentId, NetworkId, NodeId } from "@gitstratum/core/rpc";
import type { LifeVersion, ReplicaRecord } from "./replica_record.ts";

/** Bytes to be stored at a version. */
export interface LivingWrite {
  /** Tells it from a removal. */
  readonly kind: "living";
  /** The extent. */
  readonly id: ExtentId;
  /** Even. */
  readonly version: LifeVersion;
  /** The network that it belongs to. */
  readonly owner: NetworkId;
  /** At most `EXTENT_BYTES_MAX`. Not to be changed until the write resolves. */
  readonly bytes: Uint8Array;
}

/** A removal. */
export interface Removal {
  /** Tells it from bytes. */
  readonly kind: "removed";
  /** The extent. */
  readonly id: ExtentId;
  /** Odd. */
  readonly version: LifeVersion;
}

/** Something for a replica to know. */
export type ReplicaWrite = LivingWrite | Removal;

/** What a replica did with a write. */
export type ReplicaOutcome =
  /** It is durable, now or since earlier. */
  | { readonly kind: "stored" }
  /** Other bytes have the same id and version: nothing was changed. */
  | { readonly kind: "differs" }
  /** A later version is known: nothing was changed. */
  | { readonly kind: "newer"; readonly version: LifeVersion };

/** Names a hint: a write that its target missed. One target has one hint of an id, the newest. */
export interface HintName {
  /** The node that missed it. */
  readonly target: NodeId;
  /** The extent. */
  readonly id: ExtentId;
}

/** One node's part of the ring. */
export interface ReplicaNode {
  /**
   * Merges writes into what is known; each outcome is durable when it resolves. A damaged copy is
   * replaced by an intact one of its version. When it rejects, any of them may have been stored.
   *
   * @throws `exhausted` when an extent is above its limit; `disk-full`; `unavailable`
   */
  merge(writes: readonly ReplicaWrite[]): Promise<readonly ReplicaOutcome[]>;
  /**
   * Reads a range of a living extent, its own or one that it keeps as a hint; see `ExtentStore.read`.
   *
   * @throws `not-found` when it is unknown or removed; `invalid`; `corrupt`
   */
  read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** The newest that is known of an extent, by its own record or a kept hint. */
  find(id: ExtentId): Promise<ReplicaRecord | undefined>;
  /** Everything that is known but hints, removals too, in order of id from the first greater than `after`. */
  list(
    options: { readonly after?: ExtentId; readonly limit: number },
  ): Promise<readonly ReplicaRecord[]>;
  /**
   * Forgets extents and tombstones, of which others know enough. A record of another version stays.
   */
  forget(
    records: readonly { readonly id: ExtentId; readonly version: LifeVersion }[],
  ): Promise<void>;
  /** Keeps a write for a node that missed it; durable when it resolves. An older one is replaced. */
  keepHint(target: NodeId, write: ReplicaWrite): Promise<void>;
  /** Names of kept hints in order of id and target, from the first greater than `after`. */
  hints(
    options: { readonly after?: HintName; readonly limit: number },
  ): Promise<readonly HintName[]>;
  /** A kept hint. @throws `corrupt` when it fails its checksum */
  readHint(name: HintName): Promise<ReplicaWrite | undefined>;
  /** Drops a hint, unless a newer version than `version` has taken its place. */
  dropHint(name: HintName, version: LifeVersion): Promise<void>;
}
