import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { hasCode, ManualClock, systemRandom } from "@gitstratum/core";
import {
  ConsensusLog,
  type Log,
  type Lsn,
  MemoryConsensus,
  type Partition,
} from "@gitstratum/core/consensus";
import type { Oid } from "@gitstratum/core/git";
import {
  type GroupId,
  MemoryExtentStore,
  type NetworkId,
  newPushId,
  type PushId,
  type RepositoryId,
  type RepositoryKey,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import { Materialiser } from "../state/materialiser.ts";
import { PartitionPrimary } from "./partition_primary.ts";
import { decidePush } from "../decision/push_decision.ts";
import { PartitionSnapshots } from "../state/partition_snapshots.ts";
import { RecordSpill } from "../log/record_spill.ts";
import { StateDatabase } from "../state/state_database.ts";
import { StateReader } from "../state/state_reader.ts";
import { type AppendFault, FaultyLog } from "../testing/faulty_log.ts";
import { command, pushRequest, reasons, SILENT } from "../testing/test_node.ts";

const PARTITION = 7 as Partition;
const KEY: RepositoryKey = {
  repositoryId: "1".repeat(32) as RepositoryId,
  networkId: "2".repeat(32) as NetworkId,
};
const oid = (number: number) => number.toString(16).padStart(40, "0") as Oid;
const unavailable = (error: unknown) => hasCode(error, "unavailable");

/** A log and extents that outlive the primaries over them. */
class Bench implements AsyncDisposable {
  readonly clock = new ManualClock(1000);
  readonly consensus = new MemoryConsensus({ clock: this.clock, random: systemRandom });
  readonly log = new FaultyLog(new ConsensusLog(this.consensus));
  readonly extents = new MemoryExtentStore({ clock: this.clock });
  readonly claim = { serves: true, mayServe: () => this.claim.serves };
  readonly disk = { isWell: true, isHopeless: false };
  readonly #databases: StateDatabase[] = [];
  readonly #directory = Deno.makeTempDirSync({ prefix: "gitstratum-primary-" });

  /** A primary over a database of its own (`name`), which an earlier one may have filled. */
  async open(name: string, log: Log = this.log) {
    const onUnwritable = () => this.disk.isWell = false;
    const path = `${this.#directory}/${name}.sqlite`;
    const database = new StateDatabase(path, this.clock, { onUnwritable });
    this.#databases.push(database);
    const reader = new StateReader(database);
    const primary = await PartitionPrimary.open({
      partition: PARTITION,
      log,
      database,
      reader,
      materialiser: new Materialiser(database.writer),
      spill: new RecordSpill(this.extents, systemRandom),
      snapshots: new PartitionSnapshots({
        extents: this.extents,
        random: systemRandom,
        clock: this.clock,
      }),
      logger: SILENT,
      clock: this.clock,
      claim: this.claim,
      canWrite: () => this.disk.isWell,
      isHopeless: () => this.disk.isHopeless,
    });
    return { primary, reader, database };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const database of this.#databases) await database.close();
    await this.consensus.close();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function create(primary: PartitionPrimary): Promise<undefined> {
  return primary.submit((view) => {
    const record = {
      kind: "repository-created",
      ...KEY,
      name: "a/b" as RepositoryName,
      objectFormat: "sha1",
      head: "refs/heads/main",
      atMs: 1,
    } as const;
    const known = view.repository(KEY.repositoryId) !== undefined;
    return { records: known ? [] : [record], answer: undefined };
  });
}

function push(
  primary: PartitionPrimary,
  update: { readonly name?: string; readonly old?: Oid; readonly new?: Oid },
  pushId: PushId = newPushId(systemRandom),
): Promise<string | undefined> {
  const one = command(update.name ?? "refs/heads/main", update.old, update.new);
  const facts = new Map([[one.newOid, { type: "commit" as const }]]);
  const verdict = { facts, missing: new Set<Oid>(), inGroup: new Set<Oid>() };
  return primary.submit(
    decidePush(KEY, pushRequest([one], { pushId }), { verdict, atMs: 5, isCurrent: () => true }),
  )
    .then((result) => reasons(result)[0]);
}

/** All tables, for comparing nodes. */
function dump({ reader }: StateDatabase): unknown {
  const tables = ["applied", "names", "repositories", "refs", "former_refs", "pack_groups"];
  return [...tables, "networks", "freed_groups", "pushes", "spilled"].map((table) =>
    reader.prepare(`SELECT * FROM ${table} ORDER BY 1, 2`).all()
  );
}

Deno.test("submit() decides requests of one batch on each other's results", async () => {
  await using bench = new Bench();
  const { primary } = await bench.open("a");
  const created = create(primary);
  const first = push(primary, { new: oid(1) });
  const second = push(primary, { old: oid(1), new: oid(2) });
  const stale = push(primary, { old: oid(1), new: oid(3) });
  const below = push(primary, { name: "refs/heads/main/x", new: oid(3) });
  await created;
  deepEqual(await Promise.all([first, second]), [undefined, undefined]);
  ok((await stale)?.includes("incorrect old value"));
  ok((await below)?.includes("refname conflict"));
  equal(bench.log.appendCount, 1);
  equal(primary.applied, 3);
});

Deno.test("submit() answers only once, and only what is durable, whatever the log loses", async () => {
  for (const kind of ["lost", "answer-lost"] satisfies AppendFault[]) {
    await using bench = new Bench();
    const { primary, database } = await bench.open("a");
    await create(primary);
    bench.log.fault = (append) => append % 2 === 0 ? kind : undefined;
    for (let tip = 1; tip < 6; tip++) {
      const old = tip === 1 ? {} : { old: oid(tip - 1) };
      equal(await push(primary, { ...old, new: oid(tip) }), undefined, kind);
    }
    bench.log.revive();
    equal((await bench.log.head(PARTITION)).lsn, 6, "no push is logged twice");
    const replayed = await bench.open("b");
    deepEqual(dump(replayed.database), dump(database));
  }
});

Deno.test("submit() gives up when the log stays away, and a new primary finds the truth", async () => {
  for (const kind of ["crash-before", "crash-after"] satisfies AppendFault[]) {
    await using bench = new Bench();
    const { primary } = await bench.open("a");
    await create(primary);
    bench.log.fault = () => kind;
    const pushId = newPushId(systemRandom);
    const answer = push(primary, { new: oid(1) }, pushId);
    const refused = rejects(answer, unavailable);
    while (!primary.ended) await bench.clock.advance(1000);
    await refused;
    await rejects(push(primary, { new: oid(2) }), unavailable);

    bench.log.revive();
    const next = await bench.open("a");
    const found = next.reader.references(KEY.repositoryId).get("refs/heads/main");
    equal(found, kind === "crash-after" ? oid(1) : undefined);
    // The client asks again with the same id: committed once, whatever had happened.
    equal(await push(next.primary, { new: oid(1) }, pushId), undefined);
    equal((await bench.log.head(PARTITION)).lsn, 2);
  }
});

Deno.test("submit() answers without an append only under the claim", async () => {
  await using bench = new Bench();
  const { primary } = await bench.open("a");
  await create(primary);
  equal(await push(primary, { new: oid(1) }), undefined);
  bench.claim.serves = false;
  // A rejection follows from a state that may be old by now.
  await rejects(push(primary, { new: oid(2) }), unavailable);
  throws(() => primary.confirm(), unavailable);
  // The log itself says that this one is the primary's.
  equal(await push(primary, { old: oid(1), new: oid(2) }), undefined);
});

Deno.test("an old primary can not commit after a newer one took over", async () => {
  await using bench = new Bench();
  const old = await bench.open("a");
  await create(old.primary);
  const young = await bench.open("b");
  await rejects(push(old.primary, { new: oid(1) }), unavailable);
  ok(old.primary.ended);
  equal(await push(young.primary, { new: oid(2) }), undefined);
  equal(young.reader.references(KEY.repositoryId).get("refs/heads/main"), oid(2));
});

Deno.test("racing primaries never lose or invent an acknowledged push", async () => {
  await using bench = new Bench();
  let { primary } = await bench.open("a");
  await create(primary);
  const acknowledged = new Map<string, Oid>();
  for (let round = 0; round < 12; round++) {
    const database = "ab"[round % 2]!;
    const attempt = async (index: number) => {
      const name = `refs/heads/r${round}-${index}`;
      const value = oid(round * 16 + index + 1);
      if (await push(primary, { name, new: value }) === undefined) acknowledged.set(name, value);
    };
    const tries = [0, 1, 2].map(attempt);
    // The takeover meets a different step of the pushes in each round.
    for (let step = 0; step < round * 4; step++) await Promise.resolve();
    const taken = bench.open(database);
    tries.push(...[3, 4, 5].map(attempt));
    for (const result of await Promise.allSettled(tries)) {
      ok(result.status === "fulfilled" || unavailable(result.reason));
    }
    primary = (await taken).primary;
  }
  const { reader, database } = await bench.open("fresh");
  const references = reader.references(KEY.repositoryId);
  for (const [name, value] of acknowledged) equal(references.get(name), value);
  ok(acknowledged.size > 0 && acknowledged.size < 72, `${acknowledged.size} of 72`);
  const again = await bench.open("again");
  const [one, other] = [dump(database), dump(again.database)];
  deepEqual(one, other);
});

Deno.test("a push too large for the log goes through extents and comes back on replay", async () => {
  await using bench = new Bench();
  const { primary, database } = await bench.open("a");
  await create(primary);
  const count = 5000;
  const commands = Array.from(
    { length: count },
    (_, index) => command(`refs/heads/branch-${index}`, undefined, oid(index + 1)),
  );
  const facts = new Map(commands.map(({ newOid }) => [newOid, { type: "commit" as const }]));
  const verdict = { facts, missing: new Set<Oid>(), inGroup: new Set<Oid>() };
  const result = await primary.submit(
    decidePush(KEY, pushRequest(commands), { verdict, atMs: 5, isCurrent: () => true }),
  );
  ok(reasons(result).every((reason) => reason === undefined));
  equal(bench.extents.count, 1);
  equal((await bench.log.head(PARTITION)).lsn, 2);
  const [, entry] = await bench.log.read(PARTITION, 0 as Lsn, 10);
  ok(entry!.payload.length < 300);

  const replayed = await bench.open("b");
  deepEqual(dump(replayed.database), dump(database));
  equal(replayed.reader.references(KEY.repositoryId).get("refs/heads/branch-4999"), oid(5000));
});

Deno.test("open() refuses tables that the log does not lead to", async () => {
  await using bench = new Bench();
  await create((await bench.open("a")).primary);
  const empty = new MemoryConsensus({ clock: bench.clock, random: systemRandom });
  await rejects(bench.open("a", new ConsensusLog(empty)), (error) => hasCode(error, "corrupt"));
  await empty.close();
});

Deno.test("submit() passes on what a decision throws, and goes on", async () => {
  await using bench = new Bench();
  const { primary } = await bench.open("a");
  const failed = rejects(push(primary, { new: oid(1) }), (error) => hasCode(error, "not-found"));
  const created = create(primary);
  await Promise.all([failed, created]);
  equal(await push(primary, { new: oid(1) }), undefined);
});

Deno.test("submit() refuses a batch that finds no room, and goes on when there is some", async () => {
  await using bench = new Bench();
  const { primary } = await bench.open("a");
  await create(primary);
  bench.log.fault = () => "disk-full";
  await rejects(push(primary, { new: oid(1) }), (error) => hasCode(error, "disk-full"));
  bench.log.revive();
  equal(await push(primary, { new: oid(1) }), undefined);
  equal((await bench.log.head(PARTITION)).lsn, 2);
});

Deno.test("replay takes a push whose group or id was seen before", async () => {
  await using bench = new Bench();
  const { primary } = await bench.open("a");
  await create(primary);
  const record = {
    kind: "push",
    ...KEY,
    pushId: "3".repeat(32) as PushId,
    atMs: 1,
    commandCount: 1,
    updates: [{ name: "refs/heads/main", new: oid(1) }],
    rejections: [],
    group: {
      groupId: "4".repeat(32) as GroupId,
      historyBytes: 1,
      contentBytes: 1,
      indexBytes: 1,
      historyCount: 1,
      contentCount: 1,
      extentBytes: 1,
    },
    pushOptions: [],
    provenance: { transport: "http", atMs: 1 },
  } as const;
  for (const digit of [1, 2]) {
    const updates = [{ name: "refs/heads/main", new: oid(digit) }];
    await primary.submit(() => ({ records: [{ ...record, updates }], answer: undefined }));
  }
  const replayed = await bench.open("b");
  equal(replayed.reader.references(KEY.repositoryId).get("refs/heads/main"), oid(2));
});

/** Takes all room from a database, or gives it back. */
function setRoom({ writer }: StateDatabase, hasRoom: boolean): void {
  const pages = writer.prepare("PRAGMA page_count").get()!["page_count"] as number;
  writer.exec(`PRAGMA max_page_count = ${hasRoom ? 1_000_000 : pages}`);
}

/** Pushes until one finds no room; tells which one did. */
async function pushUntilFull(primary: PartitionPrimary): Promise<number> {
  for (let n = 1;; n++) {
    try {
      equal(
        await push(primary, { name: `refs/heads/${"x".repeat(200)}-${n}`, new: oid(n) }),
        undefined,
      );
    } catch (error) {
      ok(unavailable(error), String(error));
      return n;
    }
  }
}

Deno.test("a primary whose tables have no room refuses writes and serves what was acknowledged", async () => {
  await using bench = new Bench();
  const { primary, reader, database } = await bench.open("a");
  await create(primary);
  setRoom(database, false);
  const last = await pushUntilFull(primary);
  equal(primary.ended, false);
  primary.confirm();
  equal([...reader.references(KEY.repositoryId).namesBelow("refs")].length, last - 1);
  const before = bench.log.appendCount;
  await rejects(push(primary, { name: "refs/heads/y", new: oid(9) }), /no room/);
  bench.disk.isHopeless = true;
  const final = push(primary, { name: "refs/heads/y", new: oid(9) });
  await rejects(final, (error) => hasCode(error, "disk-full"));
  equal(bench.log.appendCount, before, "nothing is appended that could not be applied");
  // Whoever may have another primary is not answered, room or not.
  bench.claim.serves = false;
  throws(() => primary.confirm(), unavailable);
  bench.claim.serves = true;
  // The room is back: what the log has comes first.
  setRoom(database, true);
  bench.disk.isWell = true;
  equal(await push(primary, { name: "refs/heads/y", new: oid(9) }), undefined);
  equal([...reader.references(KEY.repositoryId).namesBelow("refs")].length, last + 1);
  equal(primary.ended, false);
});

Deno.test("a primary whose tables had no room gives the partition up to one that took over", async () => {
  await using bench = new Bench();
  const { primary, database } = await bench.open("a");
  await create(primary);
  setRoom(database, false);
  await pushUntilFull(primary);
  await bench.open("b");
  setRoom(database, true);
  bench.disk.isWell = true;
  await rejects(push(primary, { name: "refs/heads/y", new: oid(9) }), unavailable);
  equal(primary.ended, true);
});
