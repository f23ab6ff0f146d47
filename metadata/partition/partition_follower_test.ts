import { deepEqual, equal, ok } from "node:assert/strict";
import { ManualClock, silentLogger, systemRandom } from "@gitstratum/core";
import {
  ConsensusLog,
  type Epoch,
  type Lsn,
  MemoryConsensus,
  type Partition,
} from "@gitstratum/core/consensus";
import { RELEASE_LEVEL, type RepositoryId } from "@gitstratum/core/rpc";
import { encodeLogRecord } from "../log/log_record.ts";
import type { StateDatabase } from "../state/state_database.ts";
import type { StateReader } from "../state/state_reader.ts";
import { PartitionFollower, type PartitionFollowerOptions } from "./partition_follower.ts";

const P = 7 as Partition;
const EPOCH = 1 as Epoch;
const PAYLOAD = encodeLogRecord({
  kind: "name-settled",
  repositoryId: "0".repeat(32) as RepositoryId,
  version: 1,
}, RELEASE_LEVEL);

/** A log, a follower of it, and the transactions that it made: the numbers of their records. */
class Stage implements AsyncDisposable {
  readonly clock = new ManualClock(1_700_000_000_000);
  readonly consensus = new MemoryConsensus({ clock: this.clock, random: systemRandom });
  readonly log = new ConsensusLog(this.consensus);
  readonly transactions: number[][] = [];
  readonly follower: PartitionFollower;
  #lsn = 0;

  private constructor() {
    const options: Partial<PartitionFollowerOptions> = {
      ...{ partition: P, log: this.log, clock: this.clock, logger: silentLogger },
      reader: { applied: () => 0 as Lsn } as Partial<StateReader> as StateReader,
      database: { write: () => Promise.resolve() } as Partial<StateDatabase> as StateDatabase,
      onApplied: (records) => void this.transactions.push(records.map(({ lsn }) => lsn)),
    };
    this.follower = new PartitionFollower(options as PartitionFollowerOptions);
  }

  static async open(): Promise<Stage> {
    const stage = new Stage();
    await stage.log.fence(P, EPOCH);
    await stage.clock.advance(1);
    return stage;
  }

  async append(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const expectedLsn = this.#lsn as Lsn;
      this.#lsn = await this.log.append(P, { epoch: EPOCH, expectedLsn, payloads: [PAYLOAD] });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.follower.stop();
    await this.consensus.close();
  }
}

Deno.test("PartitionFollower applies at once what comes alone, and together what comes soon after", async () => {
  await using stage = await Stage.open();
  await stage.append(1);
  await stage.clock.advance(0);
  deepEqual(stage.transactions, [[1]]);
  await stage.append(5);
  await stage.clock.advance(99);
  deepEqual(stage.transactions, [[1]]);
  await stage.clock.advance(1);
  deepEqual(stage.transactions, [[1], [2, 3, 4, 5, 6]]);
});

Deno.test("PartitionFollower does not rest while it is behind", async () => {
  await using stage = await Stage.open();
  await stage.append(1);
  await stage.clock.advance(0);
  await stage.append(40);
  await stage.clock.advance(100);
  await stage.append(1);
  await stage.clock.advance(0);
  deepEqual(stage.transactions.flat(), Array.from({ length: 42 }, (_, n) => n + 1));
  equal(stage.transactions.at(-1)?.length, 1);
  ok(stage.transactions.length <= 4, `${stage.transactions.length} transactions`);
});

Deno.test("PartitionFollower.stop() ends a rest", async () => {
  await using stage = await Stage.open();
  await stage.append(1);
  await stage.clock.advance(0);
  await stage.follower.stop();
  deepEqual(stage.transactions, [[1]]);
});
