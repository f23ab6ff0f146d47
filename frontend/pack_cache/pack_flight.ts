/**
 * One execution of a recipe that several readers may share: each replays it from the start and then
 * follows.
 *
 * The reader that is ahead makes the next block; nobody owns the execution, so it ends early only when
 * all readers have left. It begins in memory. A second reader, or the wish to store the result, moves
 * it into a file, where slow readers find what they have not read; what was made last stays in memory
 * beside it, as far as the replay budget allows, because readers of one moment are close together.
 * Where there is no file, blocks stay in memory: the beginning as long as the replay budget allows, so
 * that others can still join, then only what some reader has yet to read, and the fastest reader waits
 * for the slowest.
 *
 * Invariants: every reader gets the same blocks in the same order, then the end, or the same error. A
 * flight that can not be joined from its start is given up by its owner before it loses its first
 * block.
 *
 * Fault model: a failing execution fails every reader at the same place. A failing file costs the
 * storing and further joins, no reader. A reader that takes nothing while others wait for it is cut
 * off after a bound.
 *
 * @module
 */

import {
  assert,
  type Clock,
  GitStratumError,
  PACK_READER_STALL_MS_MAX,
  PACK_REPLAY_BYTES_MAX,
  PACK_WINDOW_BLOCK_COUNT,
  WAIT_IS_OVER,
} from "@gitstratum/core";
import type { ExecutePack, OpenedPack } from "./opened_pack.ts";
import type { GrowingPack } from "./pack_store.ts";
import type { ReplayBudget } from "./replay_budget.ts";

/** What a flight works with. */
export interface PackFlightOptions {
  /** Starts the execution. */
  readonly execute: ExecutePack;
  /** Memory for the beginnings of all flights. */
  readonly replay: ReplayBudget;
  /** For time limits and durations. */
  readonly clock: Clock;
  /** Store the result even if nobody joins. */
  readonly store: boolean;
  /** Starts the file; undefined when there is none to be had. */
  beginFile(): GrowingPack | undefined;
  /** Publishes a complete file. Never fails. */
  publish(
    file: GrowingPack,
    facts: {
      readonly objectCount: number;
      readonly isOwnTrailer: boolean;
      readonly executionMs: number;
    },
  ): Promise<void>;
  /** Called once, when no reader can join any more. */
  onClosed(): void;
}

/** How far the execution is. */
type Progress =
  | { readonly kind: "running" }
  | { readonly kind: "ended" }
  | { readonly kind: "failed"; readonly error: unknown };

/** One reader's place. */
interface Reader {
  next: number;
  failure?: GitStratumError;
}

/** An execution and its readers. */
export class PackFlight {
  readonly #options: PackFlightOptions;
  readonly #abort = new AbortController();
  readonly #readers = new Set<Reader>();
  readonly #opened: Promise<OpenedPack>;
  #iterator: AsyncIterator<Uint8Array> | undefined;
  #objectCount = 0;
  #isOwnTrailer = false;
  #progress: Progress = { kind: "running" };
  #executionMs = 0;
  #blockCount = 0;
  /** Blocks from `#windowStart` on, in memory. */
  #window: Uint8Array[] = [];
  #windowStart = 0;
  /** Bytes of the window that are taken from the replay budget; the last block may be held without. */
  #replayBytes = 0;
  #file: GrowingPack | undefined;
  /** The file holds every block so far, and takes the next. */
  #isFileGrowing = false;
  #isPublishing = false;
  #isClosed = false;
  #making: Promise<void> | undefined;
  #moved = Promise.withResolvers<void>();

  /** Starts the execution. It must be joined at once. */
  constructor(options: PackFlightOptions) {
    this.#options = options;
    const startMs = options.clock.monotonicMs();
    this.#opened = options.execute(this.#abort.signal).then((opened) => {
      this.#iterator = opened.chunks[Symbol.asyncIterator]();
      this.#objectCount = opened.objectCount;
      this.#isOwnTrailer = opened.isOwnTrailer === true;
      this.#executionMs += options.clock.monotonicMs() - startMs;
      return opened;
    });
    // Whoever joined sees the failure of the start.
    this.#opened.catch((error) => this.#fail(error));
    if (options.store) this.#moveToFile();
  }

  /** Readers that have not closed. */
  get readerCount(): number {
    return this.#readers.size;
  }

  /** Time that the execution has taken so far, in milliseconds. */
  get executionMs(): number {
    return this.#executionMs;
  }

  /**
   * Joins at the start; only while `onClosed` has not been called. Resolves when the pack is planned.
   *
   * @throws what the start of the execution throws, or the reason of `signal`
   */
  async join(signal: AbortSignal): Promise<OpenedPack> {
    assert(!this.#isClosed, "A flight is joined before it is closed");
    const reader: Reader = { next: 0 };
    this.#readers.add(reader);
    if (this.#readers.size > 1) this.#moveToFile();
    try {
      const { objectCount } = await untilAborted(this.#opened, signal);
      const close = () => this.#leave(reader);
      return { objectCount, chunks: this.#blocksOf(reader, signal), close };
    } catch (error) {
      this.#leave(reader);
      throw error;
    }
  }

  async *#blocksOf(reader: Reader, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        signal.throwIfAborted();
        const block = await this.#next(reader, signal);
        if (block === undefined) return;
        yield block;
      }
    } finally {
      this.#leave(reader);
    }
  }

  async #next(reader: Reader, signal: AbortSignal): Promise<Uint8Array | undefined> {
    while (reader.next >= this.#blockCount) {
      if (reader.failure !== undefined) throw reader.failure;
      if (this.#progress.kind === "failed") throw this.#progress.error;
      if (this.#progress.kind === "ended") return undefined;
      await untilAborted(this.#make(), signal);
    }
    if (reader.failure !== undefined) throw reader.failure;
    const block = this.#blockAt(reader.next);
    reader.next++;
    this.#trim();
    return block;
  }

  #blockAt(index: number): Uint8Array {
    if (index < this.#windowStart) {
      assert(this.#file !== undefined, "A block that left the window is in a file");
      return this.#file.file.read(index);
    }
    const block = this.#window[index - this.#windowStart];
    assert(block !== undefined, "A block that was made is somewhere");
    return block;
  }

  /** Makes one block, or waits for the one in the making. Failures are kept, not thrown. */
  #make(): Promise<void> {
    this.#making ??= this.#makeOne().finally(() => this.#making = undefined);
    return this.#making;
  }

  async #makeOne(): Promise<void> {
    try {
      await this.#opened;
      await this.#room();
      const startMs = this.#options.clock.monotonicMs();
      const result = await this.#iterator!.next();
      this.#executionMs += this.#options.clock.monotonicMs() - startMs;
      if (this.#progress.kind !== "running") return;
      if (result.done) this.#end();
      else this.#append(result.value);
    } catch (error) {
      this.#fail(error);
    }
  }

  #append(block: Uint8Array): void {
    this.#blockCount++;
    if (this.#isFileGrowing && !this.#file!.append(block)) this.#loseFile();
    this.#window.push(block);
    if (this.#isFileGrowing) this.#keepBesideFile(block.length);
    else if (!this.#isClosed && !this.#takeReplay(block.length)) this.#close();
    this.#trim();
  }

  #takeReplay(bytes: number): boolean {
    const fits = this.#replayBytes + bytes <= PACK_REPLAY_BYTES_MAX;
    if (!fits || !this.#options.replay.take(bytes)) return false;
    this.#replayBytes += bytes;
    return true;
  }

  /** Older blocks make room for the newest, which whoever made it reads at once. */
  #keepBesideFile(bytes: number): void {
    while (!this.#takeReplay(bytes) && this.#window.length > 1) this.#dropOldest();
  }

  #dropOldest(): void {
    const { length } = this.#window.shift()!;
    this.#windowStart++;
    this.#giveReplayBack(Math.min(length, this.#replayBytes));
  }

  /** Lets go of blocks that nobody will ask for. */
  #trim(): void {
    // Whoever joins later reads a long pack's beginning from the file.
    const isLong = this.#isFileGrowing && this.#windowStart > 0;
    if (this.#window.length > 0 && (this.#isClosed || isLong)) {
      const first = Math.min(...[...this.#readers].map(({ next }) => next), this.#blockCount);
      while (this.#windowStart < first) this.#dropOldest();
    }
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  /** Waits until the window has room, cutting off readers that hold it up for too long. */
  async #room(): Promise<void> {
    while (this.#isClosed && this.#window.length >= PACK_WINDOW_BLOCK_COUNT) {
      const timer = new AbortController();
      const stalled = this.#options.clock.sleep(PACK_READER_STALL_MS_MAX, timer.signal)
        .then(() => true, () => false);
      const isStalled = await Promise.race([this.#moved.promise.then(() => false), stalled]);
      timer.abort(WAIT_IS_OVER);
      if (isStalled) this.#cutOffSlowest();
    }
  }

  #cutOffSlowest(): void {
    const readers = [...this.#readers];
    if (!readers.some(({ next }) => next >= this.#blockCount)) return;
    for (const reader of readers) {
      if (reader.next > this.#windowStart) continue;
      reader.failure = new GitStratumError(
        "exhausted",
        "Read too slowly for those who share a pack",
      );
      this.#readers.delete(reader);
    }
    this.#trim();
  }

  /** From now on blocks are in a file, if there is one to be had. */
  #moveToFile(): void {
    if (this.#file !== undefined) return;
    assert(this.#windowStart === 0, "A flight that others can join has its beginning");
    this.#file = this.#options.beginFile();
    if (this.#file === undefined) return;
    for (const block of this.#window) {
      if (this.#file.append(block)) continue;
      // The blocks are all in memory still; only the file is given up.
      this.#file.discard();
      this.#file.file.release();
      this.#file = undefined;
      return;
    }
    this.#isFileGrowing = true;
    if (this.#progress.kind === "ended") this.#publish();
  }

  /** The file holds what it holds, and will not be stored. */
  #loseFile(): void {
    this.#isFileGrowing = false;
    this.#file!.discard();
    this.#close();
  }

  #end(): void {
    this.#progress = { kind: "ended" };
    if (this.#isFileGrowing) this.#publish();
    this.#trim();
  }

  /** Others may join until the file has its name: from then on the store answers them. */
  #publish(): void {
    this.#isFileGrowing = false;
    this.#isPublishing = true;
    const facts = {
      objectCount: this.#objectCount,
      isOwnTrailer: this.#isOwnTrailer,
      executionMs: this.#executionMs,
    };
    this.#options.publish(this.#file!, facts).finally(() => {
      this.#isPublishing = false;
      this.#close();
      if (this.#readers.size === 0) this.#release();
    });
  }

  #fail(error: unknown): void {
    if (this.#progress.kind !== "running") return;
    this.#progress = { kind: "failed", error };
    this.#closeExecution();
    if (this.#isFileGrowing) this.#loseFile();
    this.#close();
  }

  #closeExecution(): void {
    // An execution that failed to start has nothing to close.
    this.#opened.then((opened) => opened.close(), () => undefined);
  }

  #leave(reader: Reader): void {
    this.#readers.delete(reader);
    this.#trim();
    if (this.#readers.size === 0 && !this.#isPublishing) this.#release();
  }

  /** Gives everything up. */
  #release(): void {
    const gone = new GitStratumError("aborted", "Lose every reader of a pack");
    this.#abort.abort(gone);
    this.#fail(gone);
    this.#close();
    this.#window = [];
    this.#giveReplayBack(this.#replayBytes);
    this.#file?.file.release();
    this.#file = undefined;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.onClosed();
    this.#trim();
  }

  #giveReplayBack(bytes: number): void {
    this.#options.replay.give(bytes);
    this.#replayBytes -= bytes;
  }
}

/** The promise's outcome, unless the signal aborts first. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([promise, aborted.promise])
    .finally(() => signal.removeEventListener("abort", onAbort));
}
