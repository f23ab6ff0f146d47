/**
 * How far long work is, in one line of a terminal that is drawn again.
 *
 * @module
 */

import type { Clock } from "@gitstratum/core";

/** Drawn no more often than this, in milliseconds: terminals over slow lines keep up. */
const DRAW_MS = 100;
/** Work that ends sooner shows no bar, in milliseconds. */
const SHOW_AFTER_MS = 500;
const BAR_LENGTH = 24;

/** Where bars are drawn. */
export interface ProgressTerminal {
  /** Whether somebody looks. */
  readonly isTerminal: boolean;
  /** Writes text as it is. */
  write(text: string): void;
}

/** One piece of long work. */
export class ProgressBar {
  readonly #terminal: ProgressTerminal;
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #options: { readonly what: string; readonly total?: number };
  readonly #beganMs: number;
  #drawnMs: number;
  #count = 0;
  #isDrawn = false;

  /** Begins; `total` is absent when nobody knows how much there is. */
  constructor(
    terminal: ProgressTerminal,
    clock: Pick<Clock, "monotonicMs">,
    options: { readonly what: string; readonly total?: number },
  ) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#options = options;
    this.#beganMs = clock.monotonicMs();
    this.#drawnMs = this.#beganMs + SHOW_AFTER_MS - DRAW_MS;
  }

  /** So much more is done. */
  advance(count = 1): void {
    this.#count += count;
    const nowMs = this.#clock.monotonicMs();
    if (!this.#terminal.isTerminal || nowMs - this.#drawnMs < DRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#isDrawn = true;
    this.#terminal.write(`\r\x1b[K${this.#line(nowMs)}`);
  }

  /** Takes the line away, for something else to be written. */
  clear(): void {
    if (this.#isDrawn) this.#terminal.write("\r\x1b[K");
    this.#isDrawn = false;
  }

  #line(nowMs: number): string {
    const { what, total } = this.#options;
    const perS = this.#count / ((nowMs - this.#beganMs) / 1000);
    const speed = `${perS.toFixed(perS < 10 ? 1 : 0)}/s`;
    if (total === undefined) return `${what}: ${this.#count}, ${speed}`;
    const full = Math.round(BAR_LENGTH * Math.min(1, this.#count / total));
    const bar = "#".repeat(full) + ".".repeat(BAR_LENGTH - full);
    const leftS = Math.ceil((total - this.#count) / perS);
    return `${what} [${bar}] ${this.#count}/${total}, ${speed}, ${leftS} s left`;
  }
}
