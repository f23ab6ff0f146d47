/**
 * The time that a rehearsal gets, and what becomes of it when it fails.
 *
 * Code is compiled when it has run often enough, and it belongs to the function, not to the object
 * that it was called for: what a second instance of a service has run is ready for the first one.
 *
 * Fault model: a rehearsal that fails or takes too long is told in the log. What it opened is released,
 * and the process starts all the same.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { toError } from "../error.ts";
import type { Logger } from "../logger.ts";
import { Releases } from "./releases.ts";

/** How to rehearse. */
export interface RehearseOptions {
  /** How long it may take, in milliseconds; 0 = nothing is rehearsed. */
  readonly budgetMs: number;
  /** Rounds after which there is little left to gain. */
  readonly roundCountMax: number;
  /** Counts the time. */
  readonly clock: Clock;
  /** Told how it went. */
  readonly logger: Logger;
  /** The process is to end. */
  readonly signal?: AbortSignal;
}

/**
 * Opens what is rehearsed on; resolves with one round of it, whose signal aborts when the time is over.
 * What was opened is released at the end.
 */
export type OpenRehearsal = (releases: Releases) => Promise<(over: AbortSignal) => Promise<void>>;

/**
 * Rehearses round after round, until the time is over or there were enough. Never fails; resolves with
 * the number of rounds, when everything is released.
 */
export async function rehearse(open: OpenRehearsal, options: RehearseOptions): Promise<number> {
  const { budgetMs, clock, logger, signal } = options;
  if (budgetMs === 0 || signal?.aborted === true) return 0;
  const startMs = clock.monotonicMs();
  const over = new AbortController();
  const end = Promise.withResolvers<void>();
  over.signal.addEventListener("abort", () => end.resolve(), { once: true });
  const stop = () => over.abort();
  signal?.addEventListener("abort", stop, { once: true });
  clock.sleep(budgetMs, over.signal).then(stop, () => undefined);
  const progress = { roundCount: 0 };
  const releases = new Releases();
  const rounds = runRounds(open, { ...options, releases, progress, over: over.signal })
    .catch((error) => {
      // Whatever is cut off at the end of the time fails, and is nobody's concern.
      if (!over.signal.aborted) logger.warn("Fail a rehearsal", { error: toError(error) });
    });
  await Promise.race([rounds, end.promise]);
  over.abort();
  signal?.removeEventListener("abort", stop);
  const release = () =>
    releases.run().catch((error) => {
      logger.warn("Fail to end a rehearsal", { error: toError(error) });
    });
  await release();
  // What was being opened when the time was over.
  rounds.then(release);
  const { roundCount } = progress;
  logger.info("Rehearse", { roundCount, tookMs: Math.round(clock.monotonicMs() - startMs) });
  return roundCount;
}

async function runRounds(
  open: OpenRehearsal,
  parts: Pick<RehearseOptions, "roundCountMax"> & {
    readonly releases: Releases;
    readonly progress: { roundCount: number };
    readonly over: AbortSignal;
  },
): Promise<void> {
  const { releases, progress, over, roundCountMax } = parts;
  const round = await open(releases);
  while (!over.aborted && progress.roundCount < roundCountMax) {
    await round(over);
    progress.roundCount++;
  }
}
