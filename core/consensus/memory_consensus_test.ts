import { registerConsensusContract } from "./contract_suite.ts";
import { memoryHarness } from "./test_consensus.ts";

registerConsensusContract("MemoryConsensus", () => memoryHarness());
