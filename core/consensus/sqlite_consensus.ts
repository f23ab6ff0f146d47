/**
 * {@link Consensus} of a single process, durable in one SQLite file.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Consensus } from "./consensus.ts";
import { LocalConsensus, type LocalConsensusOptions } from "./local_consensus.ts";
import { SqliteRevisionStore } from "./sqlite_revision_store.ts";

/** The world of a store in a file. */
export interface SqliteConsensusOptions extends LocalConsensusOptions {
  /** The file grows no further: writes are then refused with `disk-full`. Default: no bound. */
  readonly fileBytesMax?: number;
}

/**
 * A store in a file that one process holds exclusively. Writes that arrive in the same turn of the
 * event loop share one fsync.
 */
export class SqliteConsensus extends LocalConsensus implements Consensus {
  /**
   * Opens the store at `path`, or creates it.
   *
   * @throws `unavailable` when another process has it open
   * @throws `unsupported` when a later release wrote it
   */
  constructor(path: string, options: SqliteConsensusOptions) {
    super(new SqliteRevisionStore(path, options), { ...options, defer: setImmediate });
  }
}
