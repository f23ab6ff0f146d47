/**
 * What every {@link ReplicaNode} must do: one suite for all implementations.
 *
 * @module
 */

import assert from "node:assert/strict";
import { EXTENT_BYTES_MAX, hasCode } from "@gitstratum/core";
import {
  type ExtentId,
  extentId,
  type GroupId,
  type NetworkId,
  type NodeId,
  packId,
} from "@gitstratum/core/rpc";
import type { HintName, ReplicaNode, ReplicaWrite } from "./replica_node.ts";
import type { LifeVersion, ReplicaRecord } from "./replica_record.ts";

/** A replica under test. */
export interface ReplicaUnderTest {
  /** The replica. */
  readonly replica: ReplicaNode;
  /** Makes an extent's copy fail its checksum. */
  damage(id: ExtentId): Promise<void>;
  /** Stops it and starts it again over what is durable; undefined when nothing is. */
  readonly restart?: () => Promise<ReplicaNode>;
  /** Releases it and what it left. */
  close(): Promise<void>;
}

type Case = (under: ReplicaUnderTest) => Promise<void>;

const OWNER = "0123456789abcdef0123456789abcdef" as NetworkId;
const GROUP = "00000000000000000000000000000abc" as GroupId;
const TARGETS = ["node-a", "node-b"] as NodeId[];

const idOf = (n: number): ExtentId => extentId(packId(GROUP, "h"), n);

/** The write of extent `n` at a version: bytes that differ by `seed`, or its removal. */
function at(version: number, n = 0, seed = version): ReplicaWrite {
  const life = version as LifeVersion;
  if (version % 2 === 1) return { kind: "removed", id: idOf(n), version: life };
  const bytes = new Uint8Array(100 + seed).fill(seed + 1);
  return { kind: "living", id: idOf(n), version: life, owner: OWNER, bytes };
}

async function merge(replica: ReplicaNode, ...writes: ReplicaWrite[]): Promise<string[]> {
  return (await replica.merge(writes)).map((outcome) =>
    outcome.kind === "newer" ? `newer ${outcome.version}` : outcome.kind
  );
}

const show = (record: ReplicaRecord | undefined) => record && `${record.kind}@${record.version}`;

async function list(replica: ReplicaNode): Promise<string[]> {
  return (await replica.list({ limit: 100 })).map((record) => `${record.id} ${show(record)}`);
}

async function readsBack(replica: ReplicaNode, write: ReplicaWrite): Promise<void> {
  assert.ok(write.kind === "living");
  const range = { offset: 0, length: write.bytes.length };
  assert.deepEqual(await replica.read(write.id, range), write.bytes);
}

async function isAbsent(replica: ReplicaNode, id: ExtentId): Promise<void> {
  await assert.rejects(
    () => replica.read(id, { offset: 0, length: 1 }),
    (error) => hasCode(error, "not-found"),
  );
}

const mergeCases: Record<string, Case> = {
  async "merge() stores bytes, tells the same from others, and keeps the first"({ replica }) {
    assert.deepEqual(await merge(replica, at(0)), ["stored"]);
    assert.deepEqual(await merge(replica, at(0)), ["stored"]);
    assert.deepEqual(await merge(replica, at(0, 0, 9)), ["differs"]);
    await readsBack(replica, at(0));
    const record = await replica.find(idOf(0));
    assert.ok(record?.kind === "living");
    assert.deepEqual([record.owner, record.bytes, record.damaged], [OWNER, 100, false]);
  },

  async "merge() takes the greater version only, whatever the order"({ replica }) {
    assert.deepEqual(await merge(replica, at(2)), ["stored"]);
    assert.deepEqual(await merge(replica, at(0)), ["newer 2"]);
    assert.deepEqual(await merge(replica, at(1)), ["newer 2"]);
    await readsBack(replica, at(2));
    assert.deepEqual(await merge(replica, at(3)), ["stored"]);
    assert.deepEqual(await merge(replica, at(3)), ["stored"]);
    assert.deepEqual(await merge(replica, at(2)), ["newer 3"]);
    await isAbsent(replica, idOf(0));
    assert.deepEqual(await merge(replica, at(5)), ["stored"]);
    assert.deepEqual(await merge(replica, at(8)), ["stored"]);
    await readsBack(replica, at(8));
    assert.equal(show(await replica.find(idOf(0))), "living@8");
    assert.deepEqual(await merge(replica, at(8, 0, 9)), ["differs"]);
  },

  async "merge() remembers the removal of what it never had"({ replica }) {
    assert.deepEqual(await merge(replica, at(1)), ["stored"]);
    assert.deepEqual(await merge(replica, at(0)), ["newer 1"]);
    assert.deepEqual(await list(replica), [`${idOf(0)} removed@1`]);
  },

  async "merge() of many tells each outcome"({ replica }) {
    await merge(replica, at(1, 1), at(0, 2));
    const found = await merge(replica, at(0, 0), at(0, 1), at(0, 2, 9), at(1, 2), at(1, 3));
    assert.deepEqual(found, ["stored", "newer 1", "differs", "stored", "stored"]);
  },

  async "merge() at the same time ends with the greatest version"({ replica }) {
    const versions = [3, 0, 4, 1, 2, 0, 4, 1];
    await Promise.all(versions.map((version) => replica.merge([at(version)])));
    assert.equal(show(await replica.find(idOf(0))), "living@4");
    await readsBack(replica, at(4));
  },

  async "merge() refuses an extent above the limit"({ replica }) {
    const bytes = new Uint8Array(EXTENT_BYTES_MAX + 1);
    const write = {
      kind: "living",
      id: idOf(0),
      version: 0 as LifeVersion,
      owner: OWNER,
      bytes,
    } as const;
    await assert.rejects(() => replica.merge([write]), (error) => hasCode(error, "exhausted"));
  },

  async "merge() replaces a damaged copy by an intact one"({ replica, damage }) {
    await merge(replica, at(0));
    await damage(idOf(0));
    await assert.rejects(
      () => replica.read(idOf(0), { offset: 0, length: 100 }),
      (error) => hasCode(error, "corrupt"),
    );
    const [record] = await replica.list({ limit: 1 });
    assert.ok(record?.kind === "living" && record.damaged);
    assert.deepEqual(await merge(replica, at(0)), ["stored"]);
    await readsBack(replica, at(0));
  },

  async "read() refuses what leaves the extent"({ replica }) {
    await merge(replica, at(0));
    for (const [offset, length] of [[0, 101], [101, 0], [-1, 1]] as const) {
      await assert.rejects(
        () => replica.read(idOf(0), { offset, length }),
        (error) => hasCode(error, "invalid"),
      );
    }
    await isAbsent(replica, idOf(1));
  },

  async "list() pages through living and removed extents in order of id"({ replica }) {
    const numbers = Array.from({ length: 30 }, (_, n) => n * 7 % 30);
    for (const n of numbers) await merge(replica, at(n % 3, n));
    const found: string[] = [];
    let after: ExtentId | undefined;
    for (;;) {
      const page = await replica.list({ limit: 7, ...(after === undefined ? {} : { after }) });
      if (page.length === 0) break;
      found.push(...page.map((record) => `${record.id} ${show(record)}`));
      after = page.at(-1)!.id;
    }
    const wanted = numbers.map((n) => `${idOf(n)} ${n % 3 === 1 ? "removed" : "living"}@${n % 3}`);
    assert.deepEqual(found, wanted.toSorted());
  },

  async "forget() forgets exactly the version that is named"({ replica }) {
    await merge(replica, at(0, 0), at(1, 1), at(2, 2));
    const named = (n: number, version: number) => ({
      id: idOf(n),
      version: version as LifeVersion,
    });
    await replica.forget([named(0, 2), named(1, 3), named(2, 0), named(9, 0)]);
    assert.equal((await list(replica)).length, 3);
    await replica.forget([named(0, 0), named(1, 1), named(2, 2)]);
    assert.deepEqual(await list(replica), []);
    assert.deepEqual(await merge(replica, at(0, 1), at(0, 2)), ["stored", "stored"]);
  },
};

const hintCases: Record<string, Case> = {
  async "keepHint() keeps writes for others, which readers find"({ replica }) {
    await replica.keepHint(TARGETS[0]!, at(0));
    await replica.keepHint(TARGETS[1]!, at(1, 1));
    assert.deepEqual(await list(replica), []);
    await readsBack(replica, at(0));
    assert.equal(show(await replica.find(idOf(0))), "living@0");
    assert.equal(show(await replica.find(idOf(1))), "removed@1");
    assert.deepEqual(await replica.readHint({ target: TARGETS[0]!, id: idOf(0) }), at(0));
    assert.deepEqual(await replica.readHint({ target: TARGETS[1]!, id: idOf(1) }), at(1, 1));
    assert.equal(await replica.readHint({ target: TARGETS[1]!, id: idOf(0) }), undefined);
  },

  async "keepHint() keeps the newest of an id; dropHint() drops no newer one"({ replica }) {
    const name: HintName = { target: TARGETS[0]!, id: idOf(0) };
    await replica.keepHint(name.target, at(0));
    await replica.keepHint(name.target, at(2));
    await replica.keepHint(name.target, at(1));
    assert.deepEqual(await replica.readHint(name), at(2));
    await replica.dropHint(name, 1 as LifeVersion);
    assert.deepEqual(await replica.readHint(name), at(2));
    await replica.dropHint(name, 2 as LifeVersion);
    assert.equal(await replica.readHint(name), undefined);
    assert.equal(await replica.find(idOf(0)), undefined);
    await replica.dropHint(name, 2 as LifeVersion);
  },

  async "hints() pages through the names in order of id and target"({ replica }) {
    const names = [1, 0, 2].flatMap((n) => TARGETS.map((target) => ({ target, id: idOf(n) })));
    for (const { target, id } of names) await replica.keepHint(target, { ...at(0), id });
    const found: HintName[] = [];
    let after: HintName | undefined;
    for (;;) {
      const page = await replica.hints({ limit: 4, ...(after === undefined ? {} : { after }) });
      if (page.length === 0) break;
      found.push(...page);
      after = page.at(-1)!;
    }
    const order = ({ id, target }: HintName) => `${id}/${target}`;
    assert.deepEqual(found.map(order), names.map(order).toSorted());
  },

  async "a hint and a copy of the same id stay apart"({ replica }) {
    await merge(replica, at(0));
    await replica.keepHint(TARGETS[0]!, at(1));
    assert.equal(show(await replica.find(idOf(0))), "removed@1");
    assert.deepEqual(await list(replica), [`${idOf(0)} living@0`]);
    await replica.dropHint({ target: TARGETS[0]!, id: idOf(0) }, 1 as LifeVersion);
    await readsBack(replica, at(0));
  },
};

const CASES: Record<string, Case> = {
  ...mergeCases,
  ...hintCases,

  async "everything that was acknowledged is there after a restart"({ replica, restart }) {
    await merge(replica, at(0, 0), at(1, 1), at(2, 2), at(0, 3));
    await merge(replica, at(3, 2), at(4, 3));
    await replica.keepHint(TARGETS[0]!, at(0, 4));
    const before = await list(replica);
    if (restart === undefined) return;
    const again = await restart();
    assert.deepEqual(await list(again), before);
    await readsBack(again, at(4, 3));
    await isAbsent(again, idOf(2));
    assert.deepEqual(await merge(again, at(0, 1), at(2, 2)), ["newer 1", "newer 3"]);
    assert.deepEqual(await again.hints({ limit: 9 }), [{ target: TARGETS[0]!, id: idOf(4) }]);
    await readsBack(again, at(0, 4));
  },
};

/** Registers the suite; `open` makes an empty replica. */
export function testReplicaNode(name: string, open: () => Promise<ReplicaUnderTest>): void {
  for (const [title, run] of Object.entries(CASES)) {
    Deno.test(`${name}: ${title}`, async () => {
      const under = await open();
      try {
        await run(under);
      } finally {
        await under.close();
      }
    });
  }
}
