import { registerConsensusContract } from "./contract_suite.ts";
import { registerLogContract } from "./log_contract_suite.ts";
import { etcdHarness, withEtcd } from "./testing/etcd_harness.ts";
import { etcdLogHarness } from "./testing/etcd_log.ts";

const cluster = withEtcd();

registerConsensusContract("EtcdConsensus", () => Promise.resolve(etcdHarness(cluster())));
registerLogContract("ConsensusLog over etcd", () => Promise.resolve(etcdLogHarness(cluster())));
