/**
 * The times and numbers by which the control plane judges.
 *
 * @module
 */

import { assert } from "@gitstratum/core";

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
  /** Metadata nodes that hold each partition, its primary included. */
  readonly metadataReplicaCount: number;
}

/** Finds a dead node within ten seconds, and lets a slow one miss four heartbeats. */
export const DEFAULT_CONTROL_POLICY: ControlPolicy = {
  heartbeatIntervalMs: 1000,
  silenceMs: 5000,
  suspicionMs: 4000,
  flapWindowMs: 600_000,
  flapCount: 3,
  suspicionFactorMax: 8,
  metadataReplicaCount: 3,
};

assert(
  DEFAULT_CONTROL_POLICY.silenceMs >= 3 * DEFAULT_CONTROL_POLICY.heartbeatIntervalMs,
  "A lost heartbeat or two raise no suspicion",
);
