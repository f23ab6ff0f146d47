/**
 * A real cluster of three on bad days. Appenders race through the trouble, watchers follow; at the end
 * the log holds what was acknowledged and nothing twice, and the watchers saw all of it.
 */

import assert from "node:assert/strict";
import { systemClock } from "../clock.ts";
import { hasCode } from "../error.ts";
import type { Fetcher } from "../rpc/fetcher.ts";
import { SeededRandom } from "../seeded_random.ts";
import { ConsensusLog } from "./consensus_log.ts";
import type { EtcdConsensusOptions } from "./etcd_consensus.ts";
import type { Log, Lsn } from "./log.ts";
import { clearEtcd, openEtcd, withEtcd } from "./testing/etcd_harness.ts";
import { EtcdCluster } from "./testing/etcd_process.ts";
import {
  type Appended,
  appendUntil,
  checkLog,
  endRace,
  followRace,
  RACED_EPOCH,
  RACED_PARTITION,
  retried,
} from "./testing/racing_appenders.ts";

const cluster = withEtcd({ memberCount: 3 });

/** Nothing below takes longer, on however busy a machine. */
const PATIENCE_MS = 60_000;

interface Race {
  /** Resolves when so many further appends were acknowledged, whoever made them. */
  progress(count: number): Promise<void>;
  /** Cuts the history that watches resume from. */
  compact(): Promise<void>;
}

/** Lets three appenders race and two watchers follow while `trouble` goes on; checks the end. */
async function race(
  trouble: (race: Race) => Promise<void>,
  options: Partial<EtcdConsensusOptions> = {},
): Promise<Appended[]> {
  const settings = { timeoutMs: 1000, checkIntervalMs: 300 };
  const stores = Array.from({ length: 5 }, () => openEtcd(cluster(), { ...settings, ...options }));
  const observer = openEtcd(cluster(), settings);
  const appending = new AbortController();
  const ended = new AbortController();
  const giveUp = AbortSignal.any([ended.signal, AbortSignal.timeout(PATIENCE_MS)]);
  const log = new ConsensusLog(observer);
  try {
    await retried(() => log.fence(RACED_PARTITION, RACED_EPOCH), giveUp);
    const logs = stores.map((store) => new ConsensusLog(store));
    const following = Promise.all(logs.slice(3).map((log) => followRace(log, giveUp)));
    const appended = Promise.all(
      logs.slice(0, 3).map((log, index) =>
        appendUntil(log, { name: `${index}`, signal: appending.signal, giveUp })
      ),
    );
    // When the trouble itself fails, that is what the test reports.
    following.catch(() => {});
    appended.catch(() => {});
    await trouble({
      progress: (count) => growth(log, count, giveUp),
      compact: () =>
        retried(async () => {
          await observer.compact((await observer.range({ from: "a", to: "b" })).revision);
        }, giveUp),
    });
    appending.abort();
    const all = await appended;
    await endRace(log, giveUp);
    const written = await checkLog(log, { all, giveUp });
    for (const seen of await following) assert.deepEqual(seen, written);
    return all;
  } finally {
    appending.abort();
    ended.abort();
    await Promise.all([...stores, observer].map((store) => store.close()));
    // A failed test may have left members that are killed or stopped.
    await Promise.all(cluster().members.map((member) => member.revive()));
    await cluster().healthy();
    await clearEtcd(cluster());
  }
}

async function growth(log: Log, count: number, giveUp: AbortSignal): Promise<void> {
  const wanted = (await retried(() => log.head(RACED_PARTITION), giveUp)).lsn + count;
  let position = (wanted - count) as Lsn;
  await retried(async () => {
    for await (const entries of log.watch(RACED_PARTITION, position, giveUp)) {
      position = entries.at(-1)!.lsn;
      if (position >= wanted) return;
    }
    assert.fail("The log grows within its time");
  }, giveUp);
}

const unknownCount = (appended: readonly Appended[]) =>
  appended.reduce((sum, { unknown }) => sum + unknown.count, 0);

Deno.test("EtcdConsensus loses nothing and goes on when each member is killed in turn", async () => {
  await race(async ({ progress }) => {
    for (const member of cluster().members) {
      await progress(20);
      await member.kill();
      await progress(20);
      await member.start();
      await cluster().healthy();
    }
  });
});

Deno.test("EtcdConsensus loses nothing and goes on when the leader is stopped and continued", async () => {
  await race(async ({ progress }) => {
    for (let round = 0; round < 2; round++) {
      await progress(20);
      const leader = await cluster().leader();
      leader.signal("SIGSTOP");
      try {
        await progress(20);
      } finally {
        leader.signal("SIGCONT");
      }
      await cluster().healthy();
    }
  });
});

Deno.test("EtcdConsensus waits out the loss of a majority, then goes on", async () => {
  const [first, second] = cluster().members;
  await race(async ({ progress }) => {
    await progress(10);
    await Promise.all([first!.kill(), second!.kill()]);
    const alone = openEtcd(cluster(), { timeoutMs: 500 });
    const then = [{ kind: "put", key: "k", value: new Uint8Array(1) }] as const;
    await assert.rejects(() => alone.get("k"), (error) => hasCode(error, "unavailable"));
    await assert.rejects(
      () => alone.transact({ compares: [], then }),
      (error) => hasCode(error, "unavailable"),
    );
    await alone.close();
    await Promise.all([first!.start(), second!.start()]);
    await cluster().healthy();
    await progress(20);
  });
});

Deno.test("EtcdConsensus and its logs survive compactions under their watches", async () => {
  await race(async ({ progress, compact }) => {
    for (let round = 0; round < 5; round++) {
      await progress(10);
      await compact();
    }
    // Watches that break now resume before what is compacted: the log reads its entries instead.
    await cluster().members[0]!.kill();
    await compact();
    await progress(20);
    await cluster().members[0]!.start();
    await cluster().healthy();
  });
});

Deno.test("EtcdConsensus leaves the outcome of a lost answer to its callers", async () => {
  const random = new SeededRandom(1);
  const appended = await race(({ progress }) => progress(60), {
    fetcher: losing(random, (request) => request.url.endsWith("/v3/kv/txn") ? 0.3 : 0.05),
  });
  const found = appended.reduce((sum, { unknown }) => sum + unknown.foundCount, 0);
  assert.ok(found > 0, "some of the lost answers were successes");
  assert.ok(unknownCount(appended) > found, "and some requests never arrived");
});

Deno.test("EtcdConsensus works with an etcd that is slow, even beyond its patience", async () => {
  const random = new SeededRandom(2);
  const slow: Fetcher = async (request) => {
    const delayMs = random.chance(0.2) ? 250 : 20;
    const response = await fetch(request);
    await systemClock.sleep(delayMs, request.signal);
    return response;
  };
  const appended = await race(({ progress }) => progress(60), { fetcher: slow, timeoutMs: 200 });
  assert.ok(unknownCount(appended) > 0);
});

Deno.test("EtcdConsensus says disk-full when etcd is full, and deletes make room", async () => {
  const small = await EtcdCluster.start({ flags: ["--quota-backend-bytes=8388608"] });
  const consensus = openEtcd(small);
  try {
    const value = new Uint8Array(1_000_000).fill(7);
    let written = 0;
    const outcomes: string[] = [];
    for (; written < 40 && !outcomes.includes("disk-full"); written++) {
      const put = { kind: "put", key: `big/${written}`, value } as const;
      await consensus.transact({ compares: [], then: [put] }).catch((error) => {
        outcomes.push(error.code);
      });
    }
    assert.deepEqual(outcomes, ["unavailable", "disk-full"]);
    const { entries } = await consensus.range({ from: "big/", to: "big0" });
    assert.ok(entries.length >= written - 2 && entries.length <= written - 1);
    const { succeeded } = await consensus.transact({
      compares: [],
      then: [{ kind: "deleteRange", from: "big/", to: "big0" }],
    });
    assert.equal(succeeded, true);
  } finally {
    await consensus.close();
    await small.stop();
  }
});

/** Loses some requests on their way there, and as many answers on their way back. */
function losing(random: SeededRandom, chanceOf: (request: Request) => number): Fetcher {
  return async (request) => {
    if (random.chance(chanceOf(request) / 2)) throw new TypeError("The request was lost");
    const response = await fetch(request);
    if (!random.chance(chanceOf(request) / 2)) return response;
    await response.body?.cancel();
    throw new TypeError("The answer was lost");
  };
}
