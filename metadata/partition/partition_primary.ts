/**
 * The primary of one partition: the only writer of its log.
 *
 * Requests are decided one after another, each on the applied state under what was decided before it.
 * Those that wait together are appended together, applied in one transaction, then answered. So every
 * answer follows from a durable entry, and the order of the log is the order of the decisions.
 *
 * Fault model. An append that fails with `conflict` wrote nothing: the log is read on and the batch is
 * decided again, unless a newer epoch shows that this primary was replaced. After `unavailable` the
 * outcome is unknown: a new epoch bars the lost append from landing later, the log is read on, and the
 * batch is decided again. A log without room refuses the append, and only that batch. Decisions find
 * their own traces (push id, repository id), so an append that did land is answered, not repeated.
 *
 * Tables without room: what was appended and could not be applied was answered to nobody, so the tables
 * still hold all that was acknowledged, and are read on, under the claim. Writes are refused before they
 * are appended until there is room; then the log is read on first. So a cluster whose disks are all full
 * still serves what it has.
 * A primary that can not go on is over: its requests fail with
 * `unavailable`, and the node opens another, which starts from the log. A batch that needs no append
 * shows nothing about who the primary is, so it is answered under the claim only.
 *
 * @module
 */

import {
  assert,
  type Clock,
  GitStratumError,
  hasCode,
  LOG_APPEND_BYTES_MAX,
  LOG_APPEND_ENTRY_COUNT_MAX,
  LOG_INLINE_BYTES_MAX,
  PARTITION_BATCH_COUNT_MAX,
  PARTITION_QUEUE_COUNT_MAX,
} from "@gitstratum/core";
import type { Epoch, Lsn } from "@gitstratum/core/consensus";
import type { PartitionClaim } from "@gitstratum/core/rpc";
import type { LogRecord } from "../log/log_record.ts";
import { LogReplay, type LogReplayOptions } from "../log/log_replay.ts";
import type { PlacedRecord } from "../state/materialiser.ts";
import { PartitionOverlay } from "./partition_overlay.ts";
import type { PartitionView } from "./partition_view.ts";
import { type LogPayload, logPayload } from "../log/record_spill.ts";
import { runSliced, type Sliced } from "../state/sliced.ts";

/** What a request comes to: the records to append, and the answer once they are durable. */
export interface Decision<T> {
  readonly records: readonly LogRecord[];
  readonly answer: T;
}

/**
 * Decides a request. May run several times, on different states, until its records are appended. It
 * must recognise its own records in the state and then decide none.
 *
 * @throws what the caller shall get; then nothing is appended
 */
export type Decide<T> = (view: PartitionView) => Decision<T> | Sliced<Decision<T>>;

/** What a primary stands on. */
export interface PartitionPrimaryOptions extends LogReplayOptions {
  readonly clock: Clock;
  /** The right to speak for the partition; stays its owner's to release. */
  readonly claim: Pick<PartitionClaim, "mayServe">;
  /** Whether the tables have room, as far as it is known; always, unless told. */
  readonly canWrite?: () => boolean;
  /** Whether they have had none for so long that no other node will take over; never, unless told. */
  readonly isHopeless?: () => boolean;
}

interface Waiting {
  readonly decide: Decide<unknown>;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The outcome of one request of a batch, held back until the batch is durable. */
type Settle = () => void;

interface Round {
  readonly settles: readonly Settle[];
  readonly records: readonly LogRecord[];
  readonly payloads: readonly LogPayload[];
}

/** Rounds of deciding and appending before a batch is given back. */
const ROUND_COUNT_MAX = 8;
/** Tries to open a new epoch, and the pause between two, after an append was lost. */
const FENCE_TRY_COUNT = 5;
const FENCE_PAUSE_MS = 200;

/** Serves one partition from {@link open} until {@link close} or its end. */
export class PartitionPrimary {
  readonly #options: PartitionPrimaryOptions;
  readonly #queue: Waiting[] = [];
  readonly #replay: LogReplay;
  #epoch = 0 as Epoch;
  #running: Promise<void> | undefined;
  #end: GitStratumError | undefined;
  /** Why the log has entries that are not applied; undefined while it has none. */
  #behind: GitStratumError | undefined;

  private constructor(options: PartitionPrimaryOptions) {
    this.#options = options;
    this.#replay = new LogReplay(options);
  }

  /**
   * Takes the partition over: applies its whole log, in a new epoch.
   *
   * @throws `corrupt` when the log does not continue the applied state
   * @throws `unavailable` when the log can not be reached, or others keep taking over
   */
  static async open(options: PartitionPrimaryOptions): Promise<PartitionPrimary> {
    const primary = new PartitionPrimary(options);
    await primary.#takeOver();
    return primary;
  }

  /** Whether it is over: open another. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Whether its log has entries that the tables had no room for; the next decision comes after them. */
  get behind(): boolean {
    return this.#behind !== undefined;
  }

  /** Lsn of the last applied record. */
  get applied(): Lsn {
    return this.#replay.applied;
  }

  /**
   * Checks that what was read a moment ago was not out of date then: to be called between the reading
   * and the answer. Whoever replaces this primary waits until its claim has ended.
   *
   * @throws `unavailable` when another node may be the primary
   */
  confirm(): void {
    if (this.#end !== undefined) throw this.#end;
    if (this.#options.claim.mayServe()) return;
    throw new GitStratumError("unavailable", "Answer for a partition without a claim", {
      data: { partition: this.#options.partition },
    });
  }

  /**
   * Decides a request in its turn and answers when its records are durable and visible.
   *
   * @throws what the decision throws; `unavailable` when the outcome is unknown, the queue is full or
   *   the tables have no room; `disk-full` when nobody's have
   */
  submit<T>(decide: Decide<T>): Promise<T> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    if (!this.#canWrite) {
      // While another node may take over, callers try again; then they are told.
      return Promise.reject(
        this.#noRoom(this.#options.isHopeless?.() ? "disk-full" : "unavailable"),
      );
    }
    if (this.#queue.length >= PARTITION_QUEUE_COUNT_MAX) {
      return Promise.reject(
        new GitStratumError("unavailable", "Queue no more requests of a partition", {
          data: { countMax: PARTITION_QUEUE_COUNT_MAX },
        }),
      );
    }
    const answer = new Promise<T>((resolve, reject) => {
      this.#queue.push({ decide, resolve: resolve as Waiting["resolve"], reject });
    });
    this.#running ??= this.#drain();
    return answer;
  }

  /** Finishes what is running and refuses the rest. */
  async close(): Promise<void> {
    this.#finish(new GitStratumError("unavailable", "Stop serving a partition"));
    await this.#running;
  }

  /** Decides batches until nobody waits. Requests of the same turn get into the same batch. */
  async #drain(): Promise<void> {
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, PARTITION_BATCH_COUNT_MAX);
      try {
        await this.#serve(batch);
      } catch (cause) {
        this.#giveBack(batch, cause);
      }
    }
    this.#running = undefined;
  }

  get #canWrite(): boolean {
    return this.#options.canWrite?.() ?? true;
  }

  #noRoom(code: "disk-full" | "unavailable", cause?: unknown): GitStratumError {
    return new GitStratumError(code, "Refuse to write while the tables have no room", {
      data: { partition: this.#options.partition },
      cause,
    });
  }

  /** Gives a batch back that failed, and the partition up, unless it is only that a disk is full. */
  #giveBack(batch: readonly Waiting[], cause: unknown): void {
    if (this.#canWrite || hasCode(cause, "aborted")) return this.#fail(batch, cause);
    this.#behind = this.#noRoom("unavailable", cause);
    for (const { reject } of [...batch, ...this.#queue.splice(0)]) reject(this.#behind);
  }

  async #serve(batch: Waiting[]): Promise<void> {
    if (this.#behind !== undefined) {
      await this.#recover(this.#behind);
      this.#behind = undefined;
    }
    for (let round = 0; round < ROUND_COUNT_MAX; round++) {
      const decided = await this.#decide(batch);
      const outcome = decided.records.length === 0
        ? this.#confirmed()
        : await this.#commit(decided);
      if (outcome === "stale") continue;
      if (outcome === "committed") { for (const settle of decided.settles) settle(); }
      else for (const { reject } of batch) reject(outcome);
      return;
    }
    throw new GitStratumError("unavailable", "Append to a log that others keep moving", {
      data: { partition: this.#options.partition },
    });
  }

  /** Whether a batch that writes nothing was decided on the present state: no append shows it. */
  #confirmed(): "committed" | GitStratumError {
    try {
      this.confirm();
      return "committed";
    } catch (error) {
      if (!hasCode(error, "unavailable")) throw error;
      return error;
    }
  }

  /** Decides the batch; requests for which one append has no room go back to the queue. */
  async #decide(batch: Waiting[]): Promise<Round> {
    const overlay = new PartitionOverlay(this.#options.reader);
    const settles: Settle[] = [];
    const records: LogRecord[] = [];
    const payloads: LogPayload[] = [];
    let bytes = 0;
    for (const [index, waiting] of batch.entries()) {
      let decided: { decision: Decision<unknown>; payloads: LogPayload[] };
      try {
        decided = await this.#decideOne(waiting, overlay);
      } catch (error) {
        settles.push(() => waiting.reject(error));
        continue;
      }
      const more = decided.payloads.reduce((sum, payload) => sum + payload.bytes.length, 0);
      const count = payloads.length + decided.payloads.length;
      if (bytes + more > LOG_APPEND_BYTES_MAX || count > LOG_APPEND_ENTRY_COUNT_MAX) {
        assert(payloads.length > 0, "One decision fits an append");
        this.#queue.unshift(...batch.splice(index));
        break;
      }
      bytes += more;
      records.push(...decided.decision.records);
      payloads.push(...decided.payloads);
      settles.push(() => waiting.resolve(decided.decision.answer));
      if (index + 1 === batch.length) break;
      if (decided.payloads.some(({ spilled }) => spilled !== undefined)) {
        // To lay a very large record over the state costs as much as to apply it.
        this.#queue.unshift(...batch.splice(index + 1));
        break;
      }
      for (const record of decided.decision.records) overlay.add(record);
    }
    return { settles, records, payloads };
  }

  async #decideOne(
    waiting: Waiting,
    overlay: PartitionOverlay,
  ): Promise<{ decision: Decision<unknown>; payloads: LogPayload[] }> {
    const { clock, spill } = this.#options;
    const decided = waiting.decide(overlay);
    const decision = "next" in decided ? await runSliced(decided, clock) : decided;
    const payloads: LogPayload[] = [];
    for (const record of decision.records) {
      payloads.push(await logPayload(record, spill, LOG_INLINE_BYTES_MAX));
    }
    return { decision, payloads };
  }

  /**
   * Appends and applies. `stale`: the batch must be decided again on a newer state. An error: nothing
   * was written, and a second try would fare no better.
   */
  async #commit(round: Round): Promise<"committed" | "stale" | GitStratumError> {
    const { log, partition } = this.#options;
    const expectedLsn = this.#replay.applied;
    try {
      await log.append(partition, {
        epoch: this.#epoch,
        expectedLsn,
        payloads: round.payloads.map(({ bytes }) => bytes),
      });
    } catch (error) {
      if (hasCode(error, "disk-full")) return error;
      if (!hasCode(error, "conflict") && !hasCode(error, "unavailable")) throw error;
      await this.#recover(error);
      return "stale";
    }
    await this.#replay.apply(round.records.map((record, index) => ({
      lsn: (expectedLsn + 1 + index) as Lsn,
      record,
      ...spilledOf(round.payloads[index]!),
    })));
    return "committed";
  }

  /** Learns what the log holds after an append that failed or whose outcome is unknown. */
  async #recover(failure: GitStratumError): Promise<void> {
    const { clock, log, partition } = this.#options;
    for (let tried = 1;; tried++) {
      try {
        const head = await log.head(partition);
        if (head.epoch > this.#epoch) {
          throw new GitStratumError("aborted", "Lose a partition to a newer primary", {
            data: { partition, epoch: this.#epoch, found: head.epoch },
            cause: failure,
          });
        }
        return await this.#takeOver();
      } catch (error) {
        if (!hasCode(error, "unavailable") || tried === FENCE_TRY_COUNT) throw error;
        await clock.sleep(FENCE_PAUSE_MS);
      }
    }
  }

  /** Opens a new epoch and applies everything before it. */
  async #takeOver(): Promise<void> {
    const { log, partition } = this.#options;
    // Most of the work comes before the fence, while an older primary may still serve.
    const { epoch, lsn } = await log.head(partition);
    await this.#replay.catchUp(lsn);
    try {
      const fenced = await log.fence(partition, (epoch + 1) as Epoch);
      this.#epoch = fenced.epoch;
      await this.#replay.catchUp(fenced.lsn);
    } catch (cause) {
      if (!hasCode(cause, "conflict")) throw cause;
      throw new GitStratumError("unavailable", "Compete for a partition", {
        data: { partition, epoch },
        cause,
      });
    }
  }

  /** Gives up: after this failure the state of the log is not known any more. */
  #fail(batch: readonly Waiting[], cause: unknown): void {
    const error = new GitStratumError("unavailable", "Give a partition up", {
      data: {
        partition: this.#options.partition,
        reason: cause instanceof Error ? cause.message : String(cause),
      },
      cause,
    });
    for (const { reject } of batch) reject(error);
    this.#finish(error);
  }

  #finish(error: GitStratumError): void {
    this.#end ??= error;
    for (const { reject } of this.#queue.splice(0)) reject(this.#end);
  }
}

function spilledOf({ spilled }: LogPayload): Pick<PlacedRecord, "spilled"> {
  return spilled === undefined ? {} : { spilled };
}
