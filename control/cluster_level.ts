/**
 * The release level of the cluster in the consensus store, under `control/level`
 * (docs/compatibility.md).
 *
 * Invariants: the level never falls, and no node below it is registered. Raising it and letting in a node
 * that would hold it down are transactions that meet at this key, so that of two such at one time the
 * second one looks again.
 *
 * It has a key of its own beside the topology, because a controller of an earlier release leaves the
 * level out of the topology that it writes.
 *
 * @module
 */

import type { Change, Compare, Consensus, KeyValue } from "@gitstratum/core/consensus";
import {
  checkReleaseLevel,
  FIRST_RELEASE_LEVEL,
  RELEASE_LEVEL,
  type SpokenLevels,
} from "@gitstratum/core/rpc";
import { z } from "zod";
import { decodeJson, encodeJson } from "./stored_json.ts";

/** Where the level is stored. */
export const CLUSTER_LEVEL_KEY = "control/level";

/** Schema of the stored level. */
export const clusterLevelSchema: z.ZodType<{ readonly level: number }> = z.object({
  level: z.int().positive(),
});

/** The level as it was read. */
export interface ClusterLevel {
  /** The first one where nothing is stored. */
  readonly level: number;
  /** Revision of the key; 0 where nothing is stored. */
  readonly modRevision: number;
}

/** Makes sense of the stored level. @throws `corrupt` */
export function decodeClusterLevel(entry: KeyValue | undefined): ClusterLevel {
  if (entry === undefined) return { level: FIRST_RELEASE_LEVEL, modRevision: 0 };
  return { level: decodeJson(entry, clusterLevelSchema).level, modRevision: entry.modRevision };
}

/** Reads the level. @throws `corrupt`, `unavailable` as the store does */
export async function readClusterLevel(consensus: Consensus): Promise<ClusterLevel> {
  return decodeClusterLevel(await consensus.get(CLUSTER_LEVEL_KEY));
}

/** What a transaction has to hold and to do. */
export interface LevelStep {
  /** That nobody changed the level, or let somebody in who matters to it. */
  readonly compare: Compare;
  /** What is to be written besides. */
  readonly then: readonly Change[];
}

/**
 * What lets a node in.
 *
 * @throws `denied` when it can not be part of the cluster
 */
export function admit(
  found: ClusterLevel,
  spoken: { readonly level?: number; readonly levelLeast?: number | undefined },
): LevelStep {
  checkReleaseLevel(found.level, spoken);
  const holdsDown = (spoken.level ?? FIRST_RELEASE_LEVEL) < RELEASE_LEVEL;
  return { compare: unchanged(found), then: holdsDown ? [put(found.level)] : [] };
}

/** What raises the level; nothing when it stays. */
export function raise(found: ClusterLevel, level: number): LevelStep {
  return { compare: unchanged(found), then: level > found.level ? [put(level)] : [] };
}

/**
 * Lets a control node begin.
 *
 * @throws `denied` when it can not be part of the cluster
 */
export async function checkOwnRelease(consensus: Consensus, own: SpokenLevels): Promise<void> {
  checkReleaseLevel((await readClusterLevel(consensus)).level, own);
}

function unchanged({ modRevision }: ClusterLevel): Compare {
  return { key: CLUSTER_LEVEL_KEY, target: "modRevision", operator: "=", value: modRevision };
}

function put(level: number): Change {
  return { kind: "put", key: CLUSTER_LEVEL_KEY, value: encodeJson({ level }) };
}
