/**
 * Which releases can be in one cluster, and what a node may write in it (docs/compatibility.md).
 *
 * A level is a set of shapes: calls, records, files. A release reads the shapes of its own level and of
 * the one before, and writes those of the cluster's level, which is the least of all nodes'. So nobody
 * ever meets a shape that it can not read, while nodes are upgraded one by one, and back. The level of a
 * cluster never falls: shapes of it may be on disks and in logs already.
 *
 * Fault model: a node that does not know the cluster's level, or an old one, writes the shapes of an
 * earlier level, which everybody reads. A node that can not be part of the cluster is refused when it
 * registers, and ends.
 *
 * @module
 */

import { GitStratumError, hasCode } from "../../error.ts";

/** The level of nodes that tell none, and of clusters before anybody told one. */
export const FIRST_RELEASE_LEVEL = 1;

/**
 * The level of this release. Raised by one with the first shape that the release before can not read:
 *
 * | level | shapes |
 * | --- | --- |
 * | 1 | those of the time before nodes told their level |
 * | 2 | settings in the log with members that not every node knows; requests for changes that say what |
 * |   | shows a repetition: at the control plane their basis, at metadata nodes an id |
 */
export const RELEASE_LEVEL = 2;

/** The level from which on requests for changes say what shows that they are repeated. */
export const REPETITION_LEVEL = 2;

/** The level from which on there are OpenPGP keys among the access records. */
export const OPENPGP_RELEASE_LEVEL = 2;

/** The least level of a cluster that this release can be part of. */
export const RELEASE_LEVEL_LEAST = 1;

/** What a node speaks. */
export interface SpokenLevels {
  /** The newest level, which it writes once the cluster has it. */
  readonly level: number;
  /** The oldest level of a cluster that it can be part of. */
  readonly levelLeast: number;
}

/** What this release speaks. */
export const OWN_LEVELS: SpokenLevels = { level: RELEASE_LEVEL, levelLeast: RELEASE_LEVEL_LEAST };

/** What this release speaks, up to a level that an operator chose. */
export function spokenLevels(level: number): SpokenLevels {
  return { ...OWN_LEVELS, level };
}

/** The level whose shapes may be written now. */
export function releaseLevelOf(topology: { readonly level?: number | undefined }): number {
  return Math.min(topology.level ?? FIRST_RELEASE_LEVEL, RELEASE_LEVEL);
}

/**
 * The level of a cluster: the least of its nodes', but none below what it had.
 *
 * @param before the level that it had; absent before the first node
 * @param levels of all nodes that may act or come back; those that tell none have the first one
 */
export function nextReleaseLevel(
  before: number | undefined,
  levels: readonly (number | undefined)[],
): number {
  const told = levels.map((level) => level ?? FIRST_RELEASE_LEVEL);
  return Math.max(before ?? FIRST_RELEASE_LEVEL, told.length === 0 ? 0 : Math.min(...told));
}

/**
 * Lets a node into a cluster.
 *
 * @throws `denied` when the node would meet shapes that it can not read, or write ones that others
 * can not
 */
export function checkReleaseLevel(
  clusterLevel: number,
  spoken: { readonly level?: number | undefined; readonly levelLeast?: number | undefined },
): void {
  const { level = FIRST_RELEASE_LEVEL, levelLeast = FIRST_RELEASE_LEVEL } = spoken;
  const data = { clusterLevel, nodeLevel: level, nodeLevelLeast: levelLeast };
  if (level < clusterLevel) {
    throw new GitStratumError("denied", "Refuse a node of a release before the cluster's", {
      data,
    });
  }
  if (levelLeast > clusterLevel) {
    throw new GitStratumError(
      "denied",
      "Refuse a node of a release too far ahead, upgrade to the one between first",
      { data },
    );
  }
}

/** Whether an error is what {@link checkReleaseLevel} throws, and no refusal that may pass. */
export function isReleaseRefused(error: unknown): error is GitStratumError {
  return hasCode(error, "denied") && error.data["clusterLevel"] !== undefined;
}
