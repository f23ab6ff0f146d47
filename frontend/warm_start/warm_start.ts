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
  /** Opens where the rehearsal takes place; what was opened is released after it. */
  openStage(releases: Releases): Promise<Pick<PracticeStage, "send">>;
}

/**
 * Gets ready for pushes, and meanwhile for repositories that clients used before. What of the former
 * takes longer than the time goes on beside what the server does then. Never fails.
 */
export async function warmStart(
  names: readonly RepositoryName[],
  options: WarmStartOptions,
): Promise<void> {
  const { logger, clock, budgetMs } = options;
  const timer = new AbortController();
  const late = clock.sleep(budgetMs, timer.signal).catch(() => undefined);
  const prepared = options.prepare().catch((error) => {
    logger.warn("Fail to get ready for pushes", { error: toError(error) });
  });
  if (names.length > 0) await rehearseOnStage(names, options);
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
