import { ManualClock } from "@gitstratum/core";
import { MemoryReplica } from "./memory_replica.ts";
import { testReplicaNode } from "./replica_contract_suite.ts";

testReplicaNode("MemoryReplica", () => {
  const replica = new MemoryReplica(new ManualClock());
  return Promise.resolve({
    replica,
    damage: (id) => Promise.resolve(replica.damage(id)),
    close: () => Promise.resolve(),
  });
});
