import { registerConsensusContract } from "./contract_suite.ts";
import { sqliteHarness } from "./test_consensus.ts";

registerConsensusContract("SqliteConsensus", () => sqliteHarness());
