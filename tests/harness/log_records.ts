/**
 * What a stopped server's log says, read as docs/formats/log-entry.md describes it: apart from the
 * server's own code, so that a shared mistake can not hide.
 *
 * @module
 */

import { systemClock, systemRandom } from "@gitstratum/core";
import {
  ConsensusLog,
  type Lsn,
  type Partition,
  SqliteConsensus,
} from "@gitstratum/core/consensus";

/** A record; its members depend on its kind. */
export interface LoggedRecord {
  readonly kind: string;
  readonly [member: string]: unknown;
}

const PARTITION_COUNT = 256;
/** Logs of tests are short. */
const ENTRIES_MAX = 1000;

/** All records in the logs of a data directory, partition by partition. */
export async function logRecords(dataDirectory: string): Promise<LoggedRecord[]> {
  const consensus = new SqliteConsensus(`${dataDirectory}/consensus/consensus.sqlite`, {
    clock: systemClock,
    random: systemRandom,
  });
  try {
    const log = new ConsensusLog(consensus);
    const records: LoggedRecord[] = [];
    for (let partition = 0; partition < PARTITION_COUNT; partition++) {
      for (const { payload } of await log.read(partition as Partition, 0 as Lsn, ENTRIES_MAX)) {
        records.push(JSON.parse(new TextDecoder().decode(payload)).record);
      }
    }
    return records;
  } finally {
    await consensus.close();
  }
}
