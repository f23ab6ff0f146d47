/**
 * What a start does before it listens, so that the first clients meet code that is compiled and indexes
 * that are loaded.
 *
 * Fault model: whatever fails here is told, and the server starts all the same.
 *
 * @module
 */

import { type Clock, type Logger, toError } from "@gitstratum/core";
import { Releases } from "@gitstratum/core/process";
import type { Metadata, RepositoryName } from "@gitstratum/core/rpc";
import type { PracticeStage } from "./practice_stage.ts";
import { Rehearsal } from "./rehearsal.ts";

/** What a warm start works with. */
export interface WarmStartOptions {
  /** How long it may take, in milliseconds. */
  readonly budgetMs: number;
  readonly metadata: Pick<Metadata, "findRepository" | "listReferences">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gets a thread ready for pushes. */
  prepare(): Promise<void>;
  /** Rehearses pushes for so many milliseconds at most, and never fails. */
  rehearsePushes(budgetMs: number): Promise<void>;
  /** Opens where the rehearsal takes place; what was opened is released after it. */
  openStage(releases: Releases): Promise<Pick<PracticeStage, "send">>;
}

/** Of the time, where there is something to clone as well. */
const PUSHES_SHARE = 0.5;

/**
 * Gets ready for pushes, then for repositories that clients used before. The thread that takes longer
 * than the time goes on beside what the server does then. Never fails.
 */
export async function warmStart(
  names: readonly RepositoryName[],
  options: WarmStartOptions,
): Promise<void> {
  const { logger, clock, budgetMs } = options;
  const startMs = clock.monotonicMs();
  const timer = new AbortController();
  const late = clock.sleep(budgetMs, timer.signal).catch(() => undefined);
  const prepared = options.prepare().catch((error) => {
    logger.warn("Fail to get ready for pushes", { error: toError(error) });
  });
  await options.rehearsePushes(names.length === 0 ? budgetMs : budgetMs * PUSHES_SHARE);
  const leftMs = Math.max(0, budgetMs - (clock.monotonicMs() - startMs));
  if (names.length > 0) await rehearseOnStage(names, { ...options, budgetMs: leftMs });
  await Promise.race([prepared, late]);
  timer.abort();
}

async function rehearseOnStage(
  names: readonly RepositoryName[],
  options: WarmStartOptions,
): Promise<void> {
  const { logger } = options;
  const releases = new Releases();
  try {
    await rehearse(names, { ...options, stage: await options.openStage(releases) });
  } catch (error) {
    logger.warn("Fail to get ready for clients", { error: toError(error) });
  }
  await releases.run().catch((error) => {
    logger.warn("Fail to end a rehearsal", { error: toError(error) });
  });
}

async function rehearse(
  names: readonly RepositoryName[],
  options: WarmStartOptions & { readonly stage: Pick<PracticeStage, "send"> },
): Promise<void> {
  const { stage, metadata, clock, logger, budgetMs } = options;
  const startMs = clock.monotonicMs();
  const rehearsal = new Rehearsal({
    metadata,
    clock,
    send: (request, signal) => stage.send(request, signal),
    onTrouble: (error, facts) =>
      logger.info("Fail to rehearse a clone", { ...facts, error: toError(error) }),
  });
  const cloneCount = await rehearsal.run(names, { budgetMs });
  const tookMs = Math.round(clock.monotonicMs() - startMs);
  logger.info("Rehearse clones", { repositoryCount: names.length, cloneCount, tookMs });
}
