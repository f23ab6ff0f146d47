/**
 * One life of a simulated process: its time, and the end of it at any moment.
 *
 * A process acts on the world only through what it was given here: each such act asks {@link
 * SimProcess.act}. When the process has ended, every further act hangs for ever, as the code after a
 * SIGKILL never runs: so a run may end it between any two of its acts.
 *
 * A process that is stopped (SIGSTOP, a long garbage collection) stands still while the world goes on:
 * what arrives for it waits, and it finds its clocks far ahead when it goes on.
 *
 * @module
 */

import { assert, type Clock } from "@gitstratum/core";
import type { Scheduled, SimLoop } from "./sim_loop.ts";

/** The clocks of a machine. */
export interface MachineClock {
  /** What its wall clock is ahead, in milliseconds; jumps. */
  wallOffsetMs: number;
  /** How fast its clocks run; 1 = as the world's. */
  readonly rate: number;
}

/** How a process fares. */
export type ProcessState = "running" | "stopped" | "ended";

/** Wall time at the beginning of every run: 2026. */
export const EPOCH_MS = 1_767_225_600_000;

/** A promise that never settles: what an ended process waits for. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}

/** A process from its start to its end. */
export class SimProcess {
  /** Named in the trace. */
  readonly name: string;
  /** The process's time. */
  readonly clock: Clock;
  readonly #loop: SimLoop;
  readonly #machine: MachineClock;
  readonly #startMs: number;
  readonly #endings = new Set<() => void>();
  #waiting: (() => void)[] = [];
  #state: ProcessState = "running";
  #actsUntilCrash = Infinity;
  #onCrash: () => void = () => {};

  /** Starts a process. */
  constructor(name: string, parts: { readonly loop: SimLoop; readonly machine: MachineClock }) {
    this.name = name;
    this.#loop = parts.loop;
    this.#machine = parts.machine;
    this.#startMs = parts.loop.nowMs;
    this.clock = {
      nowMs: () => EPOCH_MS + this.#machine.wallOffsetMs + Math.floor(this.#loop.nowMs),
      monotonicMs: () => (this.#loop.nowMs - this.#startMs) * this.#machine.rate,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  /** How it fares. */
  get state(): ProcessState {
    return this.#state;
  }

  /** Whether it has not ended. */
  get isAlive(): boolean {
    return this.#state !== "ended";
  }

  /**
   * Asks for leave to act on the world.
   *
   * @returns false when the process has ended: the act does not happen, and its caller waits for ever
   */
  act(): boolean {
    if (this.#state === "ended") return false;
    if (--this.#actsUntilCrash > 0) return true;
    this.#onCrash();
    assert(!this.isAlive, "A crash ends the process");
    return false;
  }

  /** Crashes in the act number `count` from now. */
  crashAfter(count: number, onCrash: () => void): void {
    this.#actsUntilCrash = count;
    this.#onCrash = onCrash;
  }

  /** Lets something happen to the process after a time: later when it is stopped, never when it ended. */
  after(delayMs: number, label: string, run: () => void): Scheduled {
    const state = { isCancelled: false };
    const happen = () => {
      if (state.isCancelled || this.#state === "ended") return;
      if (this.#state === "running") run();
      else this.#waiting.push(happen);
    };
    const event = this.#loop.after(delayMs, `${this.name} ${label}`, happen);
    return {
      cancel: () => {
        state.isCancelled = true;
        event.cancel();
      },
    };
  }

  /** Calls back when the process ends; returns how to stop that. */
  onEnd(ended: () => void): () => void {
    this.#endings.add(ended);
    return () => this.#endings.delete(ended);
  }

  /** Lets the process stand still. */
  stop(): void {
    if (this.#state === "running") this.#state = "stopped";
  }

  /** Lets a stopped process go on: everything that waited happens now, one after the other. */
  resume(): void {
    if (this.#state !== "stopped") return;
    this.#state = "running";
    for (const happen of this.#waiting.splice(0)) {
      this.#loop.after(0, `${this.name} catches up`, happen);
    }
  }

  /** Ends the process. */
  end(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#waiting = [];
    for (const ended of [...this.#endings]) ended();
    this.#endings.clear();
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.act()) return never();
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        event.cancel();
        reject(signal?.reason);
      };
      const event = this.after(this.#worldMs(ms), "wakes", () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** How long that is for the world; rounded up, so that nobody wakes before the time. */
  #worldMs(ms: number): number {
    return Math.max(0, ms) / this.#machine.rate + 0.001;
  }
}
