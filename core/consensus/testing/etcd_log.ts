/**
 * Partition logs over one real cluster, empty for each test.
 *
 * @module
 */

import { ConsensusLog } from "../consensus_log.ts";
import type { LogHarness } from "../log_contract_suite.ts";
import { etcdHarness } from "./etcd_harness.ts";
import type { EtcdCluster } from "./etcd_process.ts";

/** Logs for one test, which leave nothing behind. */
export function etcdLogHarness(cluster: EtcdCluster): LogHarness {
  const harness = etcdHarness(cluster);
  return {
    log: new ConsensusLog(harness.consensus),
    dispose: () => harness.dispose(),
    async forgetHistory() {
      const { revision } = await harness.consensus.range({ from: "a", to: "b" });
      await harness.consensus.compact(revision);
    },
  };
}
