/**
 * What a node does in the background so that every extent has its copies: it delivers hints, compares
 * itself with its peers, takes over what a changed ring makes its own, and forgets what it no longer
 * owns.
 *
 * A comparison runs after the start, after each change of the ring, when damage was found, and from
 * time to time; one that met absent peers or failures is repeated soon. Copies are paced, and wait
 * while callers need the node, or an operator holds them up; hints are delivered all the same, because
 * they are writes.
 *
 * Invariant: `ringVersion` names a ring only when this node holds all that it owns by it: a whole
 * comparison under that ring had no failures, so few nodes were away that each durable extent had a
 * copy on the others, and nobody keeps a hint for this node that it does not know.
 *
 * @module
 */

import { type Clock, EXTENT_LIST_COUNT_MAX, hasCode } from "@gitstratum/core";
import type { ExtentId, NodeId, Topology, TopologySource } from "@gitstratum/core/rpc";
import { AntiEntropy, type CheckpointStore, type RepairProgress } from "./anti_entropy.ts";
import { deliverHints } from "./hint_delivery.ts";
import { NodeCaller } from "./node_caller.ts";
import { placeExtent, type RingView } from "./placement.ts";
import { forgetStrays, forgetTombstones } from "./record_forgetting.ts";
import type { RepairAction } from "./repair_plan.ts";
import { RepairRunner } from "./repair_runner.ts";
import type { HintName, ReplicaNode } from "./replica_node.ts";
import type { PeerDigests } from "./shared_digests.ts";

/** What upkeep needs. */
export interface RingUpkeepOptions {
  /** The node whose upkeep it is. */
  readonly self: NodeId;
  /** The rings as they are now. */
  readonly view: () => RingView;
  /** Tells of changes of the rings. */
  readonly topology: TopologySource;
  /** Reaches nodes, by calls that end when the signal aborts. */
  readonly peers: (signal: AbortSignal) => UpkeepPeers;
  /** Times and paces. */
  readonly clock: Clock;
  /** Keeps comparisons over restarts. */
  readonly checkpoints: CheckpointStore;
  /** Whether the node once had all that it owns since its disk was empty. */
  readonly filled?: boolean;
  /** Told once it has. */
  readonly onFilled?: () => Promise<void>;
  /** Whether callers need the node more. */
  readonly isBusy?: () => boolean;
  /** Intervals and pace, where they differ from the usual. */
  readonly pace?: Partial<UpkeepPace>;
  /** Told after each comparison and delivery of hints, and when the node holds all that it owns by a newer ring. */
  readonly onStatus?: (status: UpkeepStatus) => void;
  /** Told of what people should know. */
  readonly onTrouble?: (kind: string, data: Readonly<Record<string, unknown>>) => void;
}

/** Nodes as upkeep reaches them. */
export interface UpkeepPeers {
  /** A node's replica. @throws `unavailable` when the node is not known */
  replica(id: NodeId): ReplicaNode;
  /** Another node's answers about what it shares. @throws `unavailable` when it is not known */
  client(id: NodeId): PeerDigests & { compareAsked(): Promise<void> };
}

/** How often and how fast. */
export interface UpkeepPace {
  /** Time between deliveries of hints, in milliseconds. */
  readonly hintIntervalMs: number;
  /** Time between comparisons that found all well, in milliseconds. */
  readonly compareIntervalMs: number;
  /** Time before a comparison is repeated that did not, in milliseconds. */
  readonly retryMs: number;
  /** Tombstones are kept for so long, in milliseconds: longer than a node may be away. */
  readonly tombstoneKeepMs: number;
  /** Bytes that this node copies in each second at most. */
  readonly bytesPerSecond: number;
}

/** What upkeep is at. */
export interface UpkeepStatus {
  /** The newest ring of which the node holds all that it owns; 0 before the first. */
  readonly ringVersion: number;
  /** The newest ring by which it has dropped what it does not own. */
  readonly cleanRingVersion: number;
  /** The ring by which it goes. */
  readonly wantedRingVersion: number;
  /** Whether extents are being handed over from the ring before. */
  readonly handingOver: boolean;
  /** Whether the disk was empty and has not been filled yet. */
  readonly refilling: boolean;
  /** Whether an operator holds up comparisons and copies. */
  readonly paused: boolean;
  /** Whether copies wait now: for the operator, or because callers need the node. */
  readonly waiting: boolean;
  /** Hints that the last delivery had to keep. */
  readonly hintCount: number;
  /** The comparison that runs, or the last one. */
  readonly comparison: RepairProgress | undefined;
  /** Whether a comparison runs now. */
  readonly comparing: boolean;
}

/** The usual pace. */
export const UPKEEP_PACE: UpkeepPace = {
  hintIntervalMs: 5000,
  compareIntervalMs: 3600_000,
  retryMs: 10_000,
  tombstoneKeepMs: 7 * 24 * 3600_000,
  bytesPerSecond: 64 * 1024 * 1024,
};

const CALL_TIMEOUT_MS = 30_000;
/** A node whose comparisons fail is asked in vain for no longer than this. */
const ASKED_PAUSE_MS_MAX = 300_000;

/** The background work of one node on the ring. */
export class RingUpkeep {
  readonly #options: RingUpkeepOptions;
  readonly #pace: UpkeepPace;
  readonly #peers: UpkeepPeers;
  readonly #caller: NodeCaller;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #loops: readonly Promise<void>[] = [];
  #ringVersion = 0;
  #cleanRingVersion = 0;
  #hintCount = 0;
  #comparison: RepairProgress | undefined;
  #comparing = false;
  #refilling: boolean;
  #tombstonesAtMs = -Infinity;
  #retryMs: number;
  /** Nodes to be told that they missed writes. */
  readonly #missed = new Set<NodeId>();
  #comparedAtMs = -Infinity;
  #asked: Promise<void> | undefined;

  /** Makes upkeep that has not begun. */
  constructor(options: RingUpkeepOptions) {
    this.#options = options;
    this.#pace = { ...UPKEEP_PACE, ...options.pace };
    this.#retryMs = this.#pace.retryMs;
    this.#refilling = options.filled === false;
    this.#peers = options.peers(this.#stop.signal);
    this.#caller = new NodeCaller((id) => this.#peers.replica(id), {
      clock: options.clock,
      timeoutMs: CALL_TIMEOUT_MS,
    });
  }

  /** Begins; until {@link RingUpkeep.close}. */
  start(): void {
    this.#loops = [
      this.#loop(() => this.#deliver()),
      this.#loop(() => this.#compareAndForget()),
      this.#follow(),
    ];
  }

  /** What it is at. */
  get status(): UpkeepStatus {
    const { version = 0, previous } = this.#options.view();
    return {
      ringVersion: this.#ringVersion,
      cleanRingVersion: this.#cleanRingVersion,
      wantedRingVersion: version,
      handingOver: previous !== undefined,
      refilling: this.#refilling,
      paused: this.#isPaused(),
      waiting: this.#comparing && this.#mustWait(),
      hintCount: this.#hintCount,
      comparison: this.#comparison,
      comparing: this.#comparing,
    };
  }

  /** Compares as soon as the running comparison has ended: damage was found, or somebody asks. */
  compareSoon(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  /**
   * Writes missed nodes, and nobody keeps them: they are told with the next delivery of hints, so that
   * they compare themselves.
   */
  noteMissed(nodes: readonly NodeId[]): void {
    for (const node of nodes) this.#missed.add(node);
  }

  /** Somebody says that writes missed this node. It compares itself, though not all the time. */
  compareAsked(): void {
    this.#asked ??= this.#compareInTurn().finally(() => this.#asked = undefined);
  }

  async #compareInTurn(): Promise<void> {
    const { clock } = this.#options;
    const pauseMs = Math.min(this.#retryMs, ASKED_PAUSE_MS_MAX);
    await pauseUntil(clock, this.#comparedAtMs + pauseMs - clock.monotonicMs(), this.#stop.signal);
    if (!this.#stop.signal.aborted) this.compareSoon();
  }

  /** Ends all work; a comparison goes on from its checkpoint after a restart. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await Promise.all([...this.#loops, this.#asked]);
  }

  /** Delivers the hints that the node keeps. @returns when to do it again, in milliseconds */
  async #deliver(): Promise<number> {
    const { self, view } = this.#options;
    const { keptCount } = await deliverHints({
      caller: this.#caller,
      self,
      view: view(),
      signal: this.#stop.signal,
      onTrouble: (name, error) => this.#tell("hint", { ...name, error }),
    });
    this.#hintCount = keptCount;
    await this.#tellMissed();
    return this.#pace.hintIntervalMs;
  }

  async #tellMissed(): Promise<void> {
    for (const node of [...this.#missed]) {
      try {
        if (node === this.#options.self) this.compareAsked();
        else await this.#peers.client(node).compareAsked();
        this.#missed.delete(node);
      } catch (error) {
        // Away, or of an earlier release: it compares itself when it is back, or in its time.
        if (!hasCode(error, "unavailable") && !hasCode(error, "unsupported")) throw error;
        if (hasCode(error, "unsupported")) this.#missed.delete(node);
      }
    }
  }

  async #compareAndForget(): Promise<number> {
    const { self, view } = this.#options;
    const rings = view();
    const isMember = [rings.current, rings.previous]
      .some((ring) => ring?.nodes.some(({ id }) => id === self));
    if (!isMember || this.#isPaused()) return this.#pace.retryMs;
    // A first ring has no former owners: there is nothing to take over.
    if (rings.previous === undefined) this.#reach(rings);
    if (!await this.compare(rings)) return this.#retrySoon(rings);
    if (this.#refilling) await this.#options.onFilled?.();
    this.#refilling = false;
    this.#reach(rings);
    const { compareIntervalMs } = this.#pace;
    if (rings.previous !== undefined || !isSameView(rings, view())) return compareIntervalMs;
    return await this.#forget(rings) ? compareIntervalMs : this.#retrySoon(rings);
  }

  #isPaused(topology: Topology = this.#options.topology.current()): boolean {
    return topology.nodes.find(({ id }) => id === this.#options.self)?.repairPaused ?? false;
  }

  #mustWait(): boolean {
    return this.#isPaused() || (this.#options.isBusy?.() ?? false);
  }

  #reach({ version = 0 }: RingView): void {
    if (version <= this.#ringVersion) return;
    this.#ringVersion = version;
    this.#options.onStatus?.(this.status);
  }

  /** A hand-over goes on soon; otherwise nothing waits for nodes that are away for long. */
  #retrySoon({ previous }: RingView): number {
    const { retryMs, compareIntervalMs } = this.#pace;
    const pauseMs = this.#retryMs;
    this.#retryMs = previous === undefined ? Math.min(2 * pauseMs, compareIntervalMs) : retryMs;
    return pauseMs;
  }

  /**
   * Compares once with all peers and repairs.
   *
   * @returns whether the node holds all that it owns by these rings
   */
  async compare(view: RingView): Promise<boolean> {
    const { clock, self, checkpoints } = this.#options;
    const lost = new Set<ExtentId>();
    this.#comparing = true;
    try {
      const progress = await new AntiEntropy({
        caller: this.#caller,
        clock,
        view,
        self,
        selfOnly: true,
        digestsOf: (peer) => this.#peers.client(peer),
        checkpoints,
        signal: this.#stop.signal,
        bytesPerSecond: this.#pace.bytesPerSecond,
        isBusy: () => this.#mustWait(),
        onProgress: (progress) => {
          this.#comparison = progress;
        },
        onTrouble: (action, error) => this.#noteTrouble(action, { error, lost }),
      }).run();
      this.#comparison = progress;
      return await this.#isWhole(progress, { view, lost });
    } finally {
      this.#comparing = false;
      this.#comparedAtMs = clock.monotonicMs();
    }
  }

  async #isWhole(
    progress: RepairProgress,
    { view, lost }: { readonly view: RingView; readonly lost: ReadonlySet<ExtentId> },
  ): Promise<boolean> {
    const { self } = this.#options;
    if (!progress.complete || progress.failedCount > 0) return false;
    const nodes = new Set(
      [...view.current.nodes, ...view.previous?.nodes ?? []].map(({ id }) => id),
    );
    if (progress.absent.length > Math.min(view.policy.writeQuorum, nodes.size) - 1) return false;
    for (const id of lost) {
      const record = await this.#caller.call(self, (node) => node.find(id));
      const isIntact = record?.kind === "removed" || record?.damaged === false;
      if (!isIntact && placeExtent(view, id).groups[0]!.nodes.includes(self)) return false;
    }
    try {
      for (const node of nodes) {
        if (progress.absent.includes(node as NodeId)) continue;
        if (!await this.#knowsHintsOf(node as NodeId, view)) return false;
      }
      return true;
    } catch (error) {
      // Gone since it was compared: the next comparison will find it absent, or back.
      if (hasCode(error, "unavailable")) return false;
      throw error;
    }
  }

  /** Whether this node knows everything that another keeps as a hint and that belongs here. */
  async #knowsHintsOf(keeper: NodeId, view: RingView): Promise<boolean> {
    const { self } = this.#options;
    let after: HintName | undefined;
    for (;;) {
      const page = { limit: EXTENT_LIST_COUNT_MAX, ...(after === undefined ? {} : { after }) };
      const names = await this.#caller.call(keeper, (node) => node.hints(page));
      for (const { id } of names) {
        if (!placeExtent(view, id).groups[0]!.nodes.includes(self)) continue;
        if (await this.#caller.call(self, (node) => node.find(id)) === undefined) return false;
      }
      after = names.at(-1);
      if (names.length < page.limit) return true;
    }
  }

  /**
   * Drops what others own by a ring that is not changing, and removals that everybody knows.
   *
   * @returns false when something stays that is to be dropped
   */
  async #forget(view: RingView): Promise<boolean> {
    const { self, clock } = this.#options;
    try {
      const caller = this.#caller;
      const { keptCount } = await forgetStrays({ caller, view, self, runner: this.#runner() });
      if (keptCount > 0) return false;
      this.#cleanRingVersion = view.version ?? 0;
      this.#retryMs = this.#pace.retryMs;
      const nowMs = clock.nowMs();
      const keepMs = this.#pace.tombstoneKeepMs;
      if (nowMs < this.#tombstonesAtMs + keepMs / 7) return true;
      // One node does it for all: each would ask all others for everything that they know.
      if (view.current.nodes[0]?.id !== self) return true;
      await forgetTombstones({ caller, view, nowMs, keepMs });
      this.#tombstonesAtMs = nowMs;
      return true;
    } catch (error) {
      // Nothing is forgotten while a node is away.
      if (hasCode(error, "unavailable")) return false;
      throw error;
    }
  }

  /** Tells owners what only this node knows, as comparisons do. */
  #runner(): RepairRunner {
    const lost = new Set<ExtentId>();
    return new RepairRunner({
      caller: this.#caller,
      clock: this.#options.clock,
      signal: this.#stop.signal,
      bytesPerSecond: this.#pace.bytesPerSecond,
      isBusy: () => this.#mustWait(),
      onTrouble: (action, error) => this.#noteTrouble(action, { error, lost }),
    });
  }

  #noteTrouble(
    action: RepairAction,
    { error, lost }: { readonly error: unknown; readonly lost: Set<ExtentId> },
  ): void {
    // Another peer may have what this one lacks; what nobody has is told when all were asked.
    if (action.kind === "lost" && lost.size < EXTENT_LIST_COUNT_MAX) lost.add(action.id);
    this.#tell(error === undefined ? action.kind : "repair", { id: action.id, error });
  }

  /** Compares anew whenever the rings change, and when others had given this node up meanwhile. */
  async #follow(): Promise<void> {
    const { topology, view, clock, self } = this.#options;
    const { signal } = this.#stop;
    const stateOf = ({ nodes }: Topology) => nodes.find(({ id }) => id === self)?.state;
    let known = topology.current();
    for (let rings = view(); !signal.aborted;) {
      const state = stateOf(known);
      const wasPaused = this.#isPaused(known);
      try {
        known = await topology.changed(known.version, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#tell("upkeep", { error });
        await pauseUntil(clock, this.#pace.retryMs, signal);
      }
      const next = view();
      // Whoever wrote meanwhile may have found nobody to keep a hint.
      const isBack = state !== "active" && stateOf(known) === "active";
      const isResumed = wasPaused && !this.#isPaused(known);
      if (isBack || isResumed || !isSameView(rings, next)) this.compareSoon();
      rings = next;
    }
  }

  /** Does something again and again, earlier when it is woken; failures are told and end nothing. */
  async #loop(action: () => Promise<number>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const woken = this.#wake.signal;
      let pauseMs = this.#pace.retryMs;
      try {
        pauseMs = await action();
        this.#options.onStatus?.(this.status);
      } catch (error) {
        this.#tell("upkeep", { error });
      }
      await pauseUntil(this.#options.clock, pauseMs, woken);
    }
  }

  #tell(kind: string, data: Readonly<Record<string, unknown>>): void {
    if (!this.#stop.signal.aborted) this.#options.onTrouble?.(kind, data);
  }
}

/** Sleeps, less when the signal aborts. */
async function pauseUntil(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function isSameView(a: RingView, b: RingView): boolean {
  return a.version === b.version && a.current === b.current && a.previous === b.previous;
}
