/**
 * One partition on one node: follows its log, is its primary, or lets it be.
 *
 * Invariants: the tables of the partition are written by one holder at a time; each change of role waits
 * until the holder before has ended. A primary is opened under a claim only, and the claim is released
 * after the primary has ended.
 *
 * @module
 */

import { type ErrorCode, GitStratumError, WAIT_IS_OVER } from "@gitstratum/core";
import type { Partition } from "@gitstratum/core/consensus";
import type { NodeLease, PartitionClaim } from "@gitstratum/core/rpc";
import { Mutex } from "./mutex.ts";
import type { Duty, PartitionDuties } from "./partition_duties.ts";
import { PartitionFollower } from "./partition_follower.ts";
import { PartitionPrimary, type PartitionPrimaryOptions } from "./partition_primary.ts";

/**
 * How soon a slot could serve: nobody knows before the log was looked at, `near` is at once, `behind`
 * after a replay.
 */
export type Standing = "unknown" | "near" | "behind";

/** What a slot stands on. */
export interface PartitionSlotOptions extends Omit<PartitionPrimaryOptions, "claim" | "onLag"> {
  /** What this node is to the partition. */
  readonly duties: PartitionDuties;
  /** Under what this node may speak for it. */
  readonly lease: NodeLease;
}

/** So many entries are applied in a moment. */
const NEAR_ENTRY_COUNT = 256;
/** How long a caller waits for a partition to open; the opening goes on. */
const OPENING_WAIT_MS = 2000;

/** The node's hold on a partition. */
export class PartitionSlot {
  readonly #options: PartitionSlotOptions & Pick<PartitionPrimaryOptions, "onLag">;
  readonly #turns = new Mutex();
  #primary: PartitionPrimary | undefined;
  #claim: PartitionClaim | undefined;
  #follower: PartitionFollower | undefined;
  #opening:
    | { readonly primary: Promise<PartitionPrimary>; readonly stop: AbortController }
    | undefined;
  #closed = false;
  #standing: Standing = "unknown";

  /** Makes a slot in which nothing runs. */
  constructor(options: PartitionSlotOptions) {
    const onLag = (entryCount: number) => {
      this.#standing = entryCount > NEAR_ENTRY_COUNT ? "behind" : "near";
    };
    this.#options = { ...options, onLag };
  }

  /** How soon it could serve, as far as it was found out since it got a duty. */
  get standing(): Standing {
    return this.#standing;
  }

  /** The primary that is open now. */
  get opened(): PartitionPrimary | undefined {
    return this.#primary?.ended === false ? this.#primary : undefined;
  }

  /**
   * The primary; opened when it is not. When this resolves, all that was ever acknowledged has been
   * applied.
   *
   * @throws `unavailable` when this node is not to be the primary, or ceases to be before it can
   * @throws what {@link PartitionPrimary.open} throws; the next call tries again
   */
  async primary(): Promise<PartitionPrimary> {
    this.#checkDuty();
    if (this.opened !== undefined) return this.opened;
    this.#opening ??= this.#open();
    return await this.#soon(this.#opening.primary);
  }

  /** What comes within a while: a claim may take as long as another node's lease. */
  async #soon(opening: Promise<PartitionPrimary>): Promise<PartitionPrimary> {
    const { clock, partition } = this.#options;
    const over = new AbortController();
    const late = clock.sleep(OPENING_WAIT_MS, over.signal).then(() => {
      throw new GitStratumError("unavailable", "Wait no longer for a partition to open", {
        data: { partition, waitedMs: OPENING_WAIT_MS },
      });
    });
    try {
      return await Promise.race([opening, late]);
    } finally {
      // Whichever of the two comes second has nobody to tell.
      opening.catch(() => undefined);
      late.catch(() => undefined);
      over.abort(WAIT_IS_OVER);
    }
  }

  /** Lets go of what is not this node's duty any more, and follows where it shall. */
  settle(): Promise<void> {
    if (this.#duty !== "primary") this.#opening?.stop.abort(this.#notPrimary());
    return this.#turns.run(() => this.#settle());
  }

  /** Lets running batches finish and ends whatever runs here. */
  close(): Promise<void> {
    this.#closed = true;
    return this.settle();
  }

  get #duty(): Duty {
    return this.#closed ? "none" : this.#options.duties.of(this.#options.partition);
  }

  async #settle(): Promise<void> {
    const duty = this.#duty;
    if (duty !== "primary" || this.#claim?.lost.aborted) await this.#abdicate();
    if (duty === "follower") {
      this.#follower ??= new PartitionFollower(this.#options);
    } else if (duty === "none") {
      await this.#leave();
    }
  }

  /** Ends the primary, then lets others have the partition. */
  async #abdicate(): Promise<void> {
    const claim = this.#claim;
    await this.#primary?.close();
    this.#primary = undefined;
    this.#claim = undefined;
    await claim?.release();
  }

  async #unfollow(): Promise<void> {
    await this.#follower?.stop();
    this.#follower = undefined;
  }

  /** Nobody looks at the log any more. */
  async #leave(): Promise<void> {
    await this.#unfollow();
    this.#standing = "unknown";
  }

  #open(): { readonly primary: Promise<PartitionPrimary>; readonly stop: AbortController } {
    const stop = new AbortController();
    const primary = this.#turns.run(() => this.#promote(stop.signal)).finally(() => {
      this.#opening = undefined;
    });
    return { primary, stop };
  }

  async #promote(signal: AbortSignal): Promise<PartitionPrimary> {
    this.#checkDuty();
    if (this.opened !== undefined) return this.opened;
    // A follower goes on while the claim is waited for: so there is less to apply afterwards.
    const claim = await this.#claimed(signal);
    await this.#unfollow();
    await this.#primary?.close();
    try {
      this.#primary = await PartitionPrimary.open({ ...this.#options, claim });
    } catch (error) {
      await this.#abdicate();
      throw openingError(error, this.#options.partition);
    }
    return this.#primary;
  }

  /** The claim under which an earlier primary ended, if it still holds; else a new one. */
  async #claimed(signal: AbortSignal): Promise<PartitionClaim> {
    if (this.#claim?.mayServe()) return this.#claim;
    await this.#abdicate();
    const { lease, partition } = this.#options;
    try {
      const claim = await lease.claim(partition, signal);
      claim.lost.addEventListener("abort", () => void this.#lose(claim), { once: true });
      return this.#claim = claim;
    } catch (cause) {
      throw new GitStratumError("unavailable", "Claim a partition", {
        data: { partition, reason: cause instanceof Error ? cause.message : String(cause) },
        cause,
      });
    }
  }

  /** Ends the primary whose claim has ended, and opens another if that is still this node's duty. */
  async #lose(claim: PartitionClaim): Promise<void> {
    if (this.#claim !== claim) return;
    try {
      await this.settle();
      if (this.#duty === "primary") await this.primary();
    } catch (error) {
      // Whoever asks for the partition tries again, and so does the node's upkeep.
      this.#options.logger.warn("Fail to reopen a partition whose claim was lost", {
        partition: this.#options.partition,
        reason: String(error),
      });
    }
  }

  /** Only a node that is to be primary may fence: others would take the log from the one that is. */
  #checkDuty(): void {
    if (this.#duty !== "primary") throw this.#notPrimary();
  }

  #notPrimary(): GitStratumError {
    const { partition, duties } = this.#options;
    return new GitStratumError("unavailable", "Ask a node that is not the partition's primary", {
      data: { partition, topologyVersion: duties.version },
    });
  }
}

/** What a failed opening means to who asked for something else: never that there is no such thing. */
function openingError(cause: unknown, partition: Partition): unknown {
  if (!(cause instanceof GitStratumError) || PASSED_ON.has(cause.code)) return cause;
  return new GitStratumError("unavailable", "Open a partition", {
    data: { partition, code: cause.code, reason: cause.message },
    cause,
  });
}

const PASSED_ON: ReadonlySet<ErrorCode> = new Set(["unavailable", "corrupt"]);
