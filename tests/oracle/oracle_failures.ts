/**
 * The differences that a run found. A long run by hand says each as it comes, and how far it is: nobody
 * waits an hour to learn that the first seed failed.
 *
 * @module
 */

import assert from "node:assert/strict";

/** Seeds between two lines about progress. */
const PROGRESS_SEEDS = 10;

/** Collects differences. */
export class OracleFailures {
  readonly #texts: string[] = [];
  readonly #isByHand = Deno.env.get("GITSTRATUM_ORACLE_SEEDS") !== undefined;

  /** Adds what one request found. */
  add(texts: readonly string[]): void {
    this.#texts.push(...texts);
    if (this.#isByHand) { for (const text of texts) console.log(text); }
  }

  /** Tells that all requests of a seed were made. */
  seedDone(seed: number): void {
    if (!this.#isByHand || seed % PROGRESS_SEEDS !== 0) return;
    console.log(`${seed} seeds, ${this.#texts.length} differences`);
  }

  /** Fails when there was a difference. */
  assertNone(): void {
    const { length } = this.#texts;
    assert.equal(length, 0, `${length} differences\n${this.#texts.join("\n\n")}`);
  }
}
