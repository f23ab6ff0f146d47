/**
 * {@link Consensus} in memory, for tests and simulation.
 *
 * @module
 */

import type { Consensus } from "./consensus.ts";
import { LocalConsensus, type LocalConsensusOptions } from "./local_consensus.ts";
import { MemoryRevisionStore } from "./memory_revision_store.ts";

/** A store that lives and dies with the process. Writes are decided in the next microtask. */
export class MemoryConsensus extends LocalConsensus implements Consensus {
  /** Makes an empty store. */
  constructor(options: LocalConsensusOptions) {
    super(new MemoryRevisionStore(), { ...options, defer: queueMicrotask });
  }
}
