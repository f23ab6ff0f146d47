/**
 * {@link NodeLease} in the consensus store; see {@link StoreLease}, which does the work.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import type { Consensus } from "../../consensus/consensus.ts";
import type { Partition } from "../../consensus/log.ts";
import { NODE_LEASE_MARGIN_MS, NODE_LEASE_MS, NODE_LEASE_RENEW_MS } from "../../limits.ts";
import type { Logger } from "../../logger.ts";
import type { NodeLease, PartitionClaim } from "./node_lease.ts";
import { StoreLease } from "./store_lease.ts";
import type { NodeId } from "../topology/topology.ts";

const PREFIX = "claims/";
const PARTITION_DIGITS = 5;

/** The world of a node's lease. */
export interface ConsensusNodeLeaseOptions {
  /** Holds the lease; stays its owner's to close. */
  readonly consensus: Consensus;
  /** Named in the claims, for people who look. */
  readonly nodeId: NodeId;
  /** Counts the lease. */
  readonly clock: Clock;
  /** Told when the lease is lost. */
  readonly logger: Logger;
}

/** A node's lease in a consensus store. */
export class ConsensusNodeLease implements NodeLease {
  readonly #lease: StoreLease;

  private constructor(lease: StoreLease) {
    this.#lease = lease;
  }

  /** Takes a lease and keeps it until {@link ConsensusNodeLease.close}; tries on when there is none. */
  static async open(options: ConsensusNodeLeaseOptions): Promise<ConsensusNodeLease> {
    const { nodeId, ...world } = options;
    const times = {
      ttlMs: NODE_LEASE_MS,
      marginMs: NODE_LEASE_MARGIN_MS,
      renewMs: NODE_LEASE_RENEW_MS,
    };
    const lease = await StoreLease.open({ ...world, holder: nodeId, prefix: PREFIX, times });
    return new ConsensusNodeLease(lease);
  }

  /** Whether the lease lives; see {@link NodeLease.mayServe}. */
  mayServe(): boolean {
    return this.#lease.lives();
  }

  /** When the lease ends unless it is prolonged; see {@link NodeLease.lostAtMs}. */
  get lostAtMs(): number {
    return this.#lease.lostAtMs;
  }

  /** Claims a partition, once nobody else has it; see {@link NodeLease.claim}. */
  async claim(partition: Partition, signal: AbortSignal): Promise<PartitionClaim> {
    const claim = await this.#lease.claim(
      String(partition).padStart(PARTITION_DIGITS, "0"),
      signal,
    );
    return {
      partition,
      mayServe: () => claim.holds(),
      get lostAtMs() {
        return claim.lostAtMs;
      },
      lost: claim.lost,
      release: () => claim.release(),
    };
  }

  /** Loses every claim and lets others have them. */
  close(): Promise<void> {
    return this.#lease.close();
  }
}
