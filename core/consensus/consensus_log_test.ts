import type { ConsensusHarness } from "./contract_suite.ts";
import { ConsensusLog } from "./consensus_log.ts";
import { type LogHarness, registerLogContract } from "./log_contract_suite.ts";
import { memoryHarness, sqliteHarness } from "./test_consensus.ts";

async function over(open: () => Promise<ConsensusHarness>): Promise<LogHarness> {
  const { consensus, dispose } = await open();
  return {
    log: new ConsensusLog(consensus),
    dispose,
    async forgetHistory() {
      const { revision } = await consensus.range({ from: "a", to: "b" });
      await consensus.compact(revision);
    },
  };
}

registerLogContract("ConsensusLog over memory", () => over(memoryHarness));
registerLogContract("ConsensusLog over SQLite", () => over(sqliteHarness));
