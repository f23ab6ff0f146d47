/**
 * How often something may happen.
 *
 * @module
 */

import { assert } from "../assert.ts";
import type { RateSubjectKind } from "./rate_subject.ts";

/** A limit: so many in a second in the long run, and so many at once. */
export interface RateRule {
  /** Tokens that come back in a second. */
  readonly perSecond: number;
  /** Tokens that can be saved up. */
  readonly burst: number;
}

/** The limits by what they count; what has none may happen as often as it likes. */
export type RateRules = { readonly [Kind in RateSubjectKind]?: RateRule };

/** Largest rate and burst: far above what a cluster serves, far below where numbers lose digits. */
const RATE_MAX = 1_000_000_000;
/** A burst that nobody chose: what comes in ten seconds. */
const BURST_SECONDS = 10;

const PATTERN = /^([0-9]{1,10}(?:\.[0-9]{1,3})?)\/(s|min|h)(?::([0-9]{1,10}))?$/;
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, min: 60, h: 3600 };

/** Milliseconds after which a bucket is full again, whatever was taken from it. */
export function refillMs(rule: RateRule): number {
  assert(rule.perSecond > 0, "A rule lets something happen");
  return rule.burst / rule.perSecond * 1000;
}

/**
 * A rule from text: `100/s`, `600/min`, `1000/h`, with the burst behind a colon (`100/s:500`) or else
 * what comes in ten seconds; `off` for none.
 *
 * @throws an `Error` whose message completes "NAME …", as configuration options do
 */
export function parseRateRule(text: string): RateRule | undefined {
  if (text === "off") return undefined;
  const [, rate, unit, burstText] = PATTERN.exec(text) ?? [];
  const perSecond = Number(rate) / UNIT_SECONDS[unit ?? "s"]!;
  const burst = burstText === undefined
    ? Math.max(1, Math.ceil(perSecond * BURST_SECONDS))
    : Number(burstText);
  if (perSecond > 0 && burst >= 1 && Math.max(perSecond, burst) <= RATE_MAX) {
    return { perSecond, burst };
  }
  const found = JSON.stringify(text.slice(0, 100));
  throw new Error(`must be a rate such as 100/s, 600/min:50 or off, not ${found}`);
}
