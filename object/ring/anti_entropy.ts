/**
 * Compares what a node knows with each node that shares extents with it, and repairs the difference.
 *
 * While the ring changes this is the hand-over as well: former owners count as sources, current
 * owners as targets. A node that drains is such a former owner.
 *
 * The work is cut into steps, one part of the ring with one peer; a checkpoint after each lets a run
 * that was ended go on where it was, as long as the rings are the same.
 *
 * Faults: peers that are away are passed over and told; their turn comes with the next run.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { ExtentId, NodeId } from "@gitstratum/core/rpc";
import {
  DigestSnapshot,
  type PositionRange,
  type RangeDigest,
  WHOLE_RING,
} from "./digest_snapshot.ts";
import { listRecords } from "./extent_listing.ts";
import type { NodeCaller } from "./node_caller.ts";
import { placeExtent, type RingView } from "./placement.ts";
import { compareLevel, cutRange } from "./range_comparison.ts";
import { planRepair, type RepairAction } from "./repair_plan.ts";
import { type RepairCounts, RepairRunner, type RepairRunnerOptions } from "./repair_runner.ts";
import type { ReplicaRecord } from "./replica_record.ts";
import { type PeerDigests, sharedBy } from "./shared_digests.ts";

/** Where a run is. */
export interface RepairCheckpoint {
  /** The rings that it is about: those of another one start anew. */
  readonly rings: string;
  /** The peer whose turn it is; peers before it in order of id are done. */
  readonly peer: NodeId;
  /** Parts of the ring that are done with it. */
  readonly partCount: number;
  /** Peers before it that were away. */
  readonly absent: readonly NodeId[];
  /** Steps so far that could not be done. */
  readonly failedCount: number;
}

/** Keeps a checkpoint over restarts. */
export interface CheckpointStore {
  /** The last one that was saved. */
  load(): Promise<RepairCheckpoint | undefined>;
  /** Replaces it; undefined when a run has ended. */
  save(checkpoint: RepairCheckpoint | undefined): Promise<void>;
}

/** How far a run has come. */
export interface RepairProgress extends RepairCounts {
  /** Peers to compare with. */
  readonly peerCount: number;
  /** Peers that are done, those that were away included. */
  readonly peersDoneCount: number;
  /** Peers that were away. */
  readonly absent: readonly NodeId[];
  /** Whether the run came to its end. */
  readonly complete: boolean;
}

/** What a run needs. */
export interface AntiEntropyOptions extends RepairRunnerOptions {
  /** The node on whose behalf it compares. */
  readonly self: NodeId;
  /** The rings that count now. */
  readonly view: RingView;
  /**
   * Copies only what this node lacks, and leaves its peers to their own runs: when all nodes run at
   * once, each copy moves once.
   */
  readonly selfOnly?: boolean;
  /** Asks a peer for digests; without it peers are listed as a whole. */
  readonly digestsOf?: (peer: NodeId) => PeerDigests;
  /** Where to keep checkpoints; nowhere without it. */
  readonly checkpoints?: CheckpointStore;
  /** Told after each part. */
  readonly onProgress?: (progress: RepairProgress) => void;
}

/** Parts into which the ring is cut for pacing and checkpoints. */
const PART_COUNT = 16;

/** One run over all peers of a node. */
export class AntiEntropy {
  readonly #options: AntiEntropyOptions;
  readonly #runner: RepairRunner;
  readonly #rings: string;
  readonly #absent: NodeId[] = [];
  #failedBeforeCount = 0;
  #peersDoneCount = 0;
  #complete = false;

  /** Prepares a run. */
  constructor(options: AntiEntropyOptions) {
    this.#options = options;
    this.#runner = new RepairRunner(options);
    this.#rings = signature(options.view);
  }

  /** Compares with every peer and repairs, until the end or until the signal aborts. */
  async run(): Promise<RepairProgress> {
    const { view, self, checkpoints } = this.#options;
    const peers = peersOf(view, self);
    const saved = await checkpoints?.load();
    const checkpoint = saved?.rings === this.#rings ? saved : undefined;
    this.#absent.push(...checkpoint?.absent ?? []);
    this.#failedBeforeCount = checkpoint?.failedCount ?? 0;
    for (const peer of peers) {
      const isDone = checkpoint !== undefined && peer < checkpoint.peer;
      const partCount = checkpoint?.peer === peer ? checkpoint.partCount : 0;
      if (!isDone && !await this.#compareWith(peer, partCount)) return this.#progress(peers);
      this.#peersDoneCount++;
    }
    await checkpoints?.save(undefined);
    this.#complete = true;
    return this.#progress(peers);
  }

  /** @returns false when the run was ended */
  async #compareWith(peer: NodeId, firstPart: number): Promise<boolean> {
    const { signal, onProgress, view, self } = this.#options;
    try {
      const trees = await this.#trees(peer);
      if (trees.alike) return !signal.aborted;
      for (const [index, part] of cutRange(WHOLE_RING, PART_COUNT).entries()) {
        if (index < firstPart) continue;
        const actions = await planDifferences(part, {
          ...trees,
          plan: (ours, theirs) => this.#plan(peer, ours, theirs),
        });
        if (signal.aborted || !await this.#runner.run(actions)) return false;
        await this.#save(peer, index + 1);
        onProgress?.(this.#progress(peersOf(view, self)));
      }
    } catch (error) {
      if (!(error instanceof GitStratumError)) throw error;
      this.#absent.push(peer);
    }
    return !signal.aborted;
  }

  /** Both nodes' trees over what they share, and whether they have the same content. */
  async #trees(
    peer: NodeId,
  ): Promise<Pick<Trees, "ours" | "theirs"> & { readonly alike: boolean }> {
    const { view, self, caller, digestsOf } = this.#options;
    const shared = sharedBy(view, [self, peer]);
    const remote = digestsOf?.(peer);
    const theirs: RemoteTree = remote === undefined
      ? localTree(await DigestSnapshot.build(await listAll(caller, peer, shared)))
      : {
        digests: (ranges) => remote.digests(self, ranges),
        records: (ranges) => remote.records(self, ranges),
      };
    // Begins the comparison there, and says whether the peer answers before this node is listed.
    const whole = await theirs.digests([WHOLE_RING]);
    // Listed for each peer anew: what came from the one before need not come from this one too.
    const ours = await DigestSnapshot.build(await listAll(caller, self, shared));
    const digests = { ours: [ours.digest(WHOLE_RING)], theirs: whole };
    const { leaves, deeper } = compareLevel([WHOLE_RING], digests);
    return { ours, theirs, alike: leaves.length + deeper.length === 0 };
  }

  async #save(peer: NodeId, partCount: number): Promise<void> {
    const { checkpoints } = this.#options;
    const failedCount = this.#failedBeforeCount + this.#runner.counts.failedCount;
    await checkpoints?.save({
      rings: this.#rings,
      peer,
      partCount,
      absent: this.#absent,
      failedCount,
    });
  }

  #plan(
    peer: NodeId,
    ours: readonly ReplicaRecord[],
    theirs: readonly ReplicaRecord[],
  ): RepairAction[] {
    const { view, self, selfOnly = false } = this.#options;
    return planRepair({
      holdings: new Map([[self, ours], [peer, theirs]]),
      ownersOf: (id: ExtentId) => {
        const owners = placeExtent(view, id).groups[0]!.nodes;
        return selfOnly ? owners.filter((node) => node === self) : owners;
      },
    });
  }

  #progress(peers: readonly NodeId[]): RepairProgress {
    const { counts } = this.#runner;
    return {
      ...counts,
      failedCount: this.#failedBeforeCount + counts.failedCount,
      peerCount: peers.length,
      peersDoneCount: this.#peersDoneCount,
      absent: [...this.#absent],
      complete: this.#complete,
    };
  }
}

/** The other node's tree. */
interface RemoteTree {
  digests(ranges: readonly PositionRange[]): Promise<readonly RangeDigest[]>;
  records(ranges: readonly PositionRange[]): Promise<readonly ReplicaRecord[]>;
}

interface Trees {
  readonly ours: DigestSnapshot;
  readonly theirs: RemoteTree;
  readonly plan: (
    ours: readonly ReplicaRecord[],
    theirs: readonly ReplicaRecord[],
  ) => RepairAction[];
}

function localTree(snapshot: DigestSnapshot): RemoteTree {
  return {
    digests: (ranges) => Promise.resolve(ranges.map((range) => snapshot.digest(range))),
    records: (ranges) => Promise.resolve(ranges.flatMap((range) => snapshot.records(range))),
  };
}

/** Walks down two trees and plans what the differing leaves need. */
async function planDifferences(part: PositionRange, trees: Trees): Promise<RepairAction[]> {
  const { ours, theirs, plan } = trees;
  const actions: RepairAction[] = [];
  for (let ranges: readonly PositionRange[] = [part]; ranges.length > 0;) {
    const { leaves, deeper } = compareLevel(ranges, {
      ours: ranges.map((range) => ours.digest(range)),
      theirs: await theirs.digests(ranges),
    });
    if (leaves.length > 0) {
      const own = leaves.flatMap((range) => ours.records(range));
      actions.push(...plan(own, await theirs.records(leaves)));
    }
    ranges = deeper;
  }
  return actions;
}

/** All that a node knows and that `keep` wants. */
export function listAll(
  caller: NodeCaller,
  node: NodeId,
  keep?: (record: ReplicaRecord) => boolean,
): Promise<ReplicaRecord[]> {
  return listRecords((page) => caller.call(node, (replica) => replica.list(page)), keep);
}

/** The other nodes of the rings, in order of id. */
function peersOf(view: RingView, self: NodeId): NodeId[] {
  const ids = [...view.current.nodes, ...view.previous?.nodes ?? []].map(({ id }) => id as NodeId);
  return [...new Set(ids)].filter((id) => id !== self).sort();
}

/** Equal for equal rings and policies. */
function signature(view: RingView): string {
  const rings = [view.current, view.previous].map((ring) =>
    ring?.nodes.map(({ id, zone, weight }) => [id, zone, weight]) ?? null
  );
  return JSON.stringify([view.version ?? 0, rings, view.policy.replicaCount]);
}
