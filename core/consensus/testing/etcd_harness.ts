/**
 * Stores over one real cluster, empty for each test.
 *
 * @module
 */

import { systemClock } from "../../clock.ts";
import { type EtcdFetcher, openEtcdFetcher } from "../../process/etcd_fetcher.ts";
import type { Fetcher } from "../../rpc/fetcher.ts";
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

/** A store with connections of its own, which end with it. */
class ConnectedEtcd extends EtcdConsensus {
  readonly #connections: EtcdFetcher;

  constructor(options: Omit<EtcdConsensusOptions, "fetcher">, way: (to: Fetcher) => Fetcher) {
    const connections = openEtcdFetcher();
    super({ ...options, fetcher: way(connections.fetcher) });
    this.#connections = connections;
  }

  override async close(): Promise<void> {
    await super.close();
    this.#connections.close();
  }
}

/** How a test's store differs from others. */
export interface OpenEtcdOptions extends Partial<Omit<EtcdConsensusOptions, "fetcher">> {
  /** What is on the way to the members. */
  readonly way?: (to: Fetcher) => Fetcher;
}

/** A store over a cluster; each one prefers another member. */
export function openEtcd(cluster: EtcdCluster, options: OpenEtcdOptions = {}): EtcdConsensus {
  const first = openedCount++ % cluster.endpoints.length;
  const endpoints = [...cluster.endpoints.slice(first), ...cluster.endpoints.slice(0, first)];
  const { way = (to) => to, ...rest } = options;
  return new ConnectedEtcd({ endpoints, clock: systemClock, ...rest }, way);
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
