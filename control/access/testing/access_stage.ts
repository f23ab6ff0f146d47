/**
 * Access nodes over one store, with clients, as tests want them.
 *
 * @module
 */

import { type Clock, ManualClock, silentLogger, systemRandom } from "@gitstratum/core";
import {
  type AccountName,
  newRecordId,
  newUserId,
  type RecordId,
  type UserRecord,
} from "@gitstratum/core/access";
import { type Consensus, MemoryConsensus } from "@gitstratum/core/consensus";
import { type Fetcher, JsonClient, RELEASE_LEVEL, type RepositoryId } from "@gitstratum/core/rpc";
import { AccessClient } from "@gitstratum/core/rpc/access";
import { AccountAudit } from "../../audit/account_audit.ts";
import { type AccessNode, openAccessNode } from "../access_node.ts";

/** The first wall time of a stage, in milliseconds since the epoch. */
export const STAGE_NOW_MS = 1_700_000_000_000;
/** A key that `ssh-keygen -t ed25519` could have made. */
export function publicKeyLine(number: number, comment = ""): string {
  const bytes = new Uint8Array(51);
  bytes.set([0, 0, 0, 11]);
  bytes.set(new TextEncoder().encode("ssh-ed25519"), 4);
  bytes.set([0, 0, 0, 32], 15);
  new DataView(bytes.buffer).setUint32(47, number);
  return `ssh-ed25519 ${bytes.toBase64()} ${comment}`;
}

/** The id of a repository that only tests have. */
export function repositoryOf(number: number): RepositoryId {
  return number.toString(16).padStart(32, "0") as RepositoryId;
}

/** A node over a store. */
export function accessNodeOver(
  consensus: Consensus,
  clock: Clock,
  releaseLevel = () => RELEASE_LEVEL,
): Promise<AccessNode> {
  const audit = new AccountAudit({ consensus, clock, random: systemRandom });
  return openAccessNode({ consensus, clock, logger: silentLogger, audit, releaseLevel });
}

/** A store with one node in front of it, and a client. */
export class AccessStage {
  readonly client: AccessClient;
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly node: AccessNode;

  private constructor(parts: {
    readonly consensus: Consensus;
    readonly clock: Clock;
    readonly node: AccessNode;
  }) {
    this.consensus = parts.consensus;
    this.clock = parts.clock;
    this.node = parts.node;
    const client = new JsonClient(this.fetcher);
    this.client = new AccessClient({
      route: (call) => call(client),
      random: systemRandom,
      clock: parts.clock,
      view: parts.node.view,
    });
  }

  /** Runs a test on a stage of its own. */
  static async run(
    test: (stage: AccessStage) => Promise<void>,
    options: { readonly consensus?: Consensus; readonly clock?: Clock } = {},
  ): Promise<void> {
    const clock = options.clock ?? new ManualClock(STAGE_NOW_MS);
    const consensus = options.consensus ?? new MemoryConsensus({ clock, random: systemRandom });
    const node = await accessNodeOver(consensus, clock);
    try {
      await test(new AccessStage({ consensus, clock, node }));
    } finally {
      await node.close();
      if (options.consensus === undefined) await consensus.close();
    }
  }

  /** Carries requests to the node. */
  readonly fetcher: Fetcher = (request) => this.node.service.fetch(request);

  /** Adds a user. */
  readonly user = (name: string, administrator = false): Promise<UserRecord> =>
    this.client.calls.createUser({ id: newUserId(systemRandom), name, administrator });

  /** An id for a record. */
  readonly id = (): RecordId => newRecordId(systemRandom);

  /** A name as the records spell it. */
  readonly name = (text: string): AccountName => text as AccountName;
}
