/**
 * A bucket of tokens that fills with time: the limit of one subject in one place.
 *
 * Times are monotonic milliseconds and an argument of every call. A bucket may be in debt: those who
 * spent before they asked are believed, and what they spent comes off what the next ones get.
 *
 * Invariants: the level is at most the burst and at least minus the burst; time that runs backwards
 * changes nothing.
 *
 * @module
 */

import { assert } from "../assert.ts";
import type { RateRule } from "./rate_rule.ts";

/** A limit and what is left of it. */
export class TokenBucket {
  #rule: RateRule;
  #level: number;
  #atMs: number;

  /** Begins at a level, full unless told. */
  constructor(rule: RateRule, start: { readonly nowMs: number; readonly level?: number }) {
    this.#rule = rule;
    this.#level = Math.min(rule.burst, start.level ?? rule.burst);
    this.#atMs = start.nowMs;
  }

  /** Tokens that are there; negative for a debt. */
  level(nowMs: number): number {
    this.#fill(nowMs);
    return this.#level;
  }

  /** Goes on by another rule: what was saved stays, as far as the new burst allows. */
  follow(rule: RateRule, nowMs: number): void {
    this.#fill(nowMs);
    this.#rule = rule;
    this.#level = clamp(this.#level, rule);
  }

  /** Takes tokens if so many are there; whether they were. */
  take(count: number, nowMs: number): boolean {
    assert(count >= 0, "Tokens are taken, not given");
    this.#fill(nowMs);
    if (this.#level < count) return false;
    this.#level -= count;
    return true;
  }

  /** Takes tokens that were spent already, into debt if need be. */
  owe(count: number, nowMs: number): void {
    assert(count >= 0, "Tokens are owed, not given");
    this.#fill(nowMs);
    this.#level = clamp(this.#level - count, this.#rule);
  }

  /** Puts tokens back that nobody used. */
  give(count: number, nowMs: number): void {
    assert(count >= 0, "Tokens are given, not taken");
    this.#fill(nowMs);
    this.#level = clamp(this.#level + count, this.#rule);
  }

  /** Milliseconds until so many tokens are there; infinite when there never will be. */
  waitMs(count: number, nowMs: number): number {
    this.#fill(nowMs);
    if (count > this.#rule.burst) return Infinity;
    return Math.max(0, count - this.#level) / this.#rule.perSecond * 1000;
  }

  #fill(nowMs: number): void {
    const passedMs = nowMs - this.#atMs;
    if (passedMs <= 0) return;
    this.#atMs = nowMs;
    this.#level = clamp(this.#level + passedMs / 1000 * this.#rule.perSecond, this.#rule);
  }
}

function clamp(level: number, { burst }: RateRule): number {
  return Math.max(-burst, Math.min(burst, level));
}
