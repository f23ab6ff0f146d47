/**
 * A process for crash tests: appends to a log without end and prints each lsn once it is acknowledged.
 * It is killed from outside.
 *
 * @module
 */

import { assert } from "../assert.ts";
import { systemClock } from "../clock.ts";
import { hasCode } from "../error.ts";
import { systemRandom } from "../random.ts";
import { ConsensusLog } from "./consensus_log.ts";
import type { Epoch, Partition } from "./log.ts";
import { SqliteConsensus } from "./sqlite_consensus.ts";

const PARTITION_COUNT = 4;

async function appendForever(log: ConsensusLog, partition: Partition): Promise<void> {
  const { epoch, lsn } = await log.head(partition);
  const mine = (epoch + 1) as Epoch;
  await log.fence(partition, mine);
  for (let expectedLsn = lsn;;) {
    const payload = new TextEncoder().encode(`${partition}:${expectedLsn + 1} `.repeat(50));
    expectedLsn = await log.append(partition, { epoch: mine, expectedLsn, payloads: [payload] });
    console.log(`${partition} ${expectedLsn}`);
  }
}

if (import.meta.main) {
  const path = Deno.args[0];
  assert(path !== undefined, "The store's path is the first argument");
  const consensus = new SqliteConsensus(path, { clock: systemClock, random: systemRandom });
  const log = new ConsensusLog(consensus);
  const partitions = Array.from({ length: PARTITION_COUNT }, (_, index) => index as Partition);
  try {
    await Promise.all(partitions.map((partition) => appendForever(log, partition)));
  } catch (error) {
    if (!hasCode(error, "unavailable")) throw error;
    // The device failed: the store must refuse to go on, whoever asks.
    const retried = await log.fence(partitions[0]!, 1_000_000 as Epoch).catch((e) => e);
    console.log(hasCode(retried, "unavailable") ? "stopped" : `went on: ${retried}`);
  }
}
