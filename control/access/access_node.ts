/**
 * The part of a control node that keeps users, tokens, keys and grants, put together.
 *
 * @module
 */

import { type Clock, type Logger, toError } from "@gitstratum/core";
import type { AccessView } from "@gitstratum/core/access";
import type { Consensus, Revision } from "@gitstratum/core/consensus";
import type { Access } from "@gitstratum/core/rpc/access";
import type { AccountAudit } from "../audit/account_audit.ts";
import { AccessFeed } from "./access_feed.ts";
import { AccessLedger } from "./access_ledger.ts";
import { AccessService } from "./access_service.ts";
import { accessStore } from "./access_store.ts";
import { AccessStreams } from "./access_streams.ts";

/** Tokens of jobs that ended are taken away this often, in milliseconds. */
const SWEEP_MS = 10 * 60 * 1000;

/** The running part. */
export interface AccessNode {
  /** Answers frontends. */
  readonly service: AccessService;
  /** For those in the same process. */
  readonly access: Access;
  /** The records as they are known here. */
  readonly view: AccessView;
  /** Ends the streams, so that their readers go to another control node. */
  drain(): void;
  /** Stops following the store. */
  close(): Promise<void>;
}

/** Opens it over a store, which stays its owner's to close. */
export async function openAccessNode(options: {
  readonly consensus: Consensus;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Keeps who did what. */
  readonly audit: AccountAudit;
  /** The level of the cluster. */
  readonly releaseLevel: () => number;
}): Promise<AccessNode> {
  const { clock, logger } = options;
  const feed = new AccessFeed(options);
  await feed.open();
  const ledger = new AccessLedger({ ...options, feed });
  const streams = new AccessStreams(feed, clock);
  const accessSince = (basis?: Revision) => accessStore(ledger.since(basis), options);
  const stop = new AbortController();
  const sweeping = sweep(ledger, { clock, logger, signal: stop.signal });
  return {
    service: new AccessService({ ...options, accessSince, feed, streams }),
    access: accessSince(),
    view: feed.view,
    drain: () => streams.close(),
    async close() {
      streams.close();
      stop.abort();
      await sweeping;
      await feed.close();
    },
  };
}

/** Takes away what has ended, now and then. Every control node does; what is gone is no trouble. */
async function sweep(
  ledger: AccessLedger,
  options: { readonly clock: Clock; readonly logger: Logger; readonly signal: AbortSignal },
): Promise<void> {
  const { clock, logger, signal } = options;
  while (!signal.aborted) {
    try {
      await clock.sleep(SWEEP_MS, signal);
      await sweepJobTokens(ledger);
    } catch (error) {
      if (!signal.aborted) {
        logger.warn("Fail to sweep tokens that ended", { error: toError(error) });
      }
    }
  }
}

/** Takes away the tokens of jobs that ended. */
export async function sweepJobTokens(ledger: AccessLedger): Promise<void> {
  const nowMs = ledger.nowMs();
  await ledger.removeAll((view) => ({
    first: [],
    removed: view.ofKind("job-token").filter(({ expiresAtMs }) => expiresAtMs <= nowMs),
    last: [],
  }));
}
