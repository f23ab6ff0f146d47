/**
 * The times and numbers by which the control plane judges.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import type { LeaseTimes } from "@gitstratum/core/rpc";

/** Knobs of membership and assignment. */
export interface ControlPolicy {
  /** Nodes send signs of life this often. */
  readonly heartbeatIntervalMs: number;
  /** A node that was silent for so long is suspected. */
  readonly silenceMs: number;
  /** A suspected node that stays silent for so long is given up. */
  readonly suspicionMs: number;
  /** Suspicions within this time count towards damping. */
  readonly flapWindowMs: number;
  /** Each so many suspicions within the window double the time of the next one. */
  readonly flapCount: number;
  /** The longest time of suspicion is so many times the shortest. */
  readonly suspicionFactorMax: number;
  /** After a change of the controller nobody who is silent is given up before so long, if most are. */
  readonly graceMs: number;
  /** The lease of the elected controller: as long, at most, there is none after it died. */
  readonly election: LeaseTimes;
  /** A hand-over of extents waits no longer than this for a new member of the ring that is given up. */
  readonly newMemberPatienceMs: number;
  /** Metadata nodes that hold each partition, its primary included. */
  readonly metadataReplicaCount: number;
}

/**
 * Gives a dead node up after six to seven seconds, so that others serve in its place within ten, and
 * lets a slow one miss three heartbeats before it is suspected.
 */
export const DEFAULT_CONTROL_POLICY: ControlPolicy = {
  heartbeatIntervalMs: 1250,
  silenceMs: 4000,
  suspicionMs: 2000,
  flapWindowMs: 600_000,
  flapCount: 3,
  suspicionFactorMax: 8,
  graceMs: 10_000,
  election: { ttlMs: 3000, marginMs: 500, renewMs: 1000 },
  newMemberPatienceMs: 600_000,
  metadataReplicaCount: 3,
};

assert(
  DEFAULT_CONTROL_POLICY.silenceMs >= 3 * DEFAULT_CONTROL_POLICY.heartbeatIntervalMs,
  "A lost heartbeat or two raise no suspicion",
);
assert(
  DEFAULT_CONTROL_POLICY.graceMs >=
    DEFAULT_CONTROL_POLICY.silenceMs + DEFAULT_CONTROL_POLICY.suspicionMs,
  "Nodes have the time to be heard by a new controller",
);
