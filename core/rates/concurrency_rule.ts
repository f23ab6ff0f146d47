/**
 * How much may run at a time.
 *
 * @module
 */

import type { RateSubjectKind } from "./rate_subject.ts";

/** How much of one subject may run, and how much may wait for it. */
export interface ConcurrencyRule {
  /** Requests that run at a time. */
  readonly running: number;
  /** Requests that wait. */
  readonly waiting: number;
}

/** The limits by what they count; what has none runs at once. */
export type ConcurrencyRules = { readonly [Kind in RateSubjectKind]?: ConcurrencyRule };

/** Requests that wait where nobody said how many: for each that runs. */
const WAITING_FACTOR = 4;
const COUNT_MAX = 1_000_000;
const PATTERN = /^([0-9]{1,7})(?::([0-9]{1,7}))?$/;

/**
 * A rule from text: how many run, and behind a colon how many wait, four times as many unless told;
 * `off` for none.
 *
 * @throws an `Error` whose message completes "NAME …", as configuration options do
 */
export function parseConcurrencyRule(text: string): ConcurrencyRule | undefined {
  if (text === "off") return undefined;
  const [, runningText, waitingText] = PATTERN.exec(text) ?? [];
  const running = Number(runningText);
  const waiting = waitingText === undefined ? running * WAITING_FACTOR : Number(waitingText);
  if (running >= 1 && Math.max(running, waiting) <= COUNT_MAX * WAITING_FACTOR) {
    return { running, waiting };
  }
  const found = JSON.stringify(text.slice(0, 100));
  throw new Error(`must be a number such as 64, 64:256 or off, not ${found}`);
}
