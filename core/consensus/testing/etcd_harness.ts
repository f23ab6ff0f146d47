/**
 * Stores over one real cluster, empty for each test.
 *
 * @module
 */

import { systemClock } from "../../clock.ts";
import type { ConsensusHarness } from "../contract_suite.ts";
import { EtcdConsensus, type EtcdConsensusOptions } from "../etcd_consensus.ts";
import { EtcdCluster, type EtcdOptions } from "./etcd_process.ts";
import { retried } from "./racing_appenders.ts";

/** No cluster takes longer to find a leader. */
const CLEAR_MS_MAX = 60_000;

/** Starts a cluster before a file's tests and stops it after them. */
export function withEtcd(options: EtcdOptions = {}): () => EtcdCluster {
  let cluster: EtcdCluster | undefined;
  Deno.test.beforeAll(async () => {
    cluster = await EtcdCluster.start(options);
  });
  Deno.test.afterAll(async () => {
    await cluster?.stop();
  });
  return () => {
    if (cluster === undefined) throw new Error("The cluster starts with the first test");
    return cluster;
  };
}

let openedCount = 0;

/** A store over a cluster; each one prefers another member. */
export function openEtcd(
  cluster: EtcdCluster,
  options: Partial<EtcdConsensusOptions> = {},
): EtcdConsensus {
  const first = openedCount++ % cluster.endpoints.length;
  const endpoints = [...cluster.endpoints.slice(first), ...cluster.endpoints.slice(0, first)];
  return new EtcdConsensus({
    endpoints,
    fetcher: fetch,
    clock: systemClock,
    ...options,
  });
}

/** A store for one test, which leaves nothing behind. */
export function etcdHarness(cluster: EtcdCluster): ConsensusHarness {
  return {
    consensus: openEtcd(cluster),
    advance: (ms) => systemClock.sleep(ms),
    // The test may have closed its store, so another one clears the cluster.
    async dispose() {
      await this.consensus.close();
      await clearEtcd(cluster);
    },
  };
}

/** Deletes every key, however long the cluster takes to have a leader. */
export async function clearEtcd(cluster: EtcdCluster): Promise<void> {
  const sweeper = openEtcd(cluster);
  const then = [{ kind: "deleteRange", from: "!", to: "\uffff" }] as const;
  const signal = AbortSignal.timeout(CLEAR_MS_MAX);
  try {
    await retried(() => sweeper.transact({ compares: [], then }), signal);
  } finally {
    await sweeper.close();
  }
}
