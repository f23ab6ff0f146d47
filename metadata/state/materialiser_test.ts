import { deepEqual, equal, throws } from "node:assert/strict";
import { hasCode, ManualClock, SeededRandom } from "@gitstratum/core";
import type { Lsn, Partition } from "@gitstratum/core/consensus";
import type { Oid } from "@gitstratum/core/git";
import type {
  GroupId,
  NetworkId,
  PushId,
  RepositoryId,
  RepositoryName,
} from "@gitstratum/core/rpc";
import type { LogRecord } from "../log/log_record.ts";
import { Materialiser } from "./materialiser.ts";
import { PartitionOverlay } from "../partition/partition_overlay.ts";
import type { PartitionView } from "../partition/partition_view.ts";
import { runWhole } from "./sliced.ts";
import { StateCatalogue } from "./state_catalogue.ts";
import { StateDatabase } from "./state_database.ts";
import { StateReader } from "./state_reader.ts";
import { Statements } from "./statements.ts";

const PARTITION = 3 as Partition;
const id = (kind: number, number: number) => `${kind}${number}`.padEnd(32, "0");
const repositoryId = (number: number) => id(1, number) as RepositoryId;
const networkId = (number: number) => id(2, number) as NetworkId;
const pushId = (number: number) => id(3, number) as PushId;
const name = (number: number) => `owner/name${number}` as RepositoryName;
const oid = (number: number) => number.toString(16).padStart(40, "0") as Oid;

async function withDatabase(work: (database: StateDatabase) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-materialiser-" });
  const database = new StateDatabase(`${directory}/state.sqlite`, new ManualClock());
  try {
    await work(database);
  } finally {
    await database.close();
    await Deno.remove(directory, { recursive: true });
  }
}

/** Draws records that a primary might decide on the state of `view`. */
class RecordSource {
  readonly #random: SeededRandom;
  #pushes = 0;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  #roll(below: number): number {
    return this.#random.bytes(1)[0]! % below;
  }

  next(view: PartitionView): LogRecord {
    const number = this.#roll(3);
    const atMs = 1;
    const ids = { repositoryId: repositoryId(number), networkId: networkId(number % 2) };
    const repository = view.repository(ids.repositoryId);
    if (repository === undefined) {
      const head = "refs/heads/main";
      const common = { ...ids, name: name(number), objectFormat: "sha1", head, atMs } as const;
      const parentId = repositoryId((number + 2) % 3);
      const isThere = view.repository(parentId)?.networkId === ids.networkId;
      const fork = { parentId, hiddenReferences: ["refs/heads/b"] };
      return { kind: "repository-created", ...common, ...(isThere ? { fork } : {}) };
    }
    const holder = view.name(name(number));
    const version = repository.nameVersion + 1;
    const change = { repositoryId: ids.repositoryId, version, atMs };
    if (this.#roll(4) === 0) {
      if (repository.removedAtMs !== undefined) {
        return { kind: "repository-restored", ...change, name: name(this.#roll(5)) };
      }
      if (!repository.deleted) {
        return this.#roll(2) === 0
          ? { kind: "repository-removed", ...change }
          : { kind: "repository-renamed", ...change, name: name(this.#roll(5)) };
      }
    }
    if (this.#roll(8) === 0) {
      const { atMs: _, ...raise } = change;
      return this.#roll(2) === 0
        ? { kind: "name-version-raised", ...raise }
        : { kind: "name-moved", name: name(number), repositoryId: ids.repositoryId, atMs };
    }
    switch (repository.deleted ? this.#roll(4) : this.#roll(9)) {
      case 0:
        return holder === undefined
          ? { kind: "name-claimed", name: name(number), ...ids, version, atMs }
          : { kind: "name-confirmed", name: name(number), repositoryId: ids.repositoryId };
      case 1:
        return { kind: "name-released", name: name(number), repositoryId: ids.repositoryId };
      case 2:
        return { kind: "deletion-finished", repositoryId: ids.repositoryId };
      case 3:
        return this.#roll(4) > 0
          ? { kind: "head-changed", repositoryId: ids.repositoryId, head: "refs/heads/x", atMs }
          : { kind: "repository-deleted", ...ids, name: name(number), atMs };
      default:
        return this.#push(view, ids);
    }
  }

  #push(
    view: PartitionView,
    ids: { readonly repositoryId: RepositoryId; readonly networkId: NetworkId },
  ): LogRecord {
    const number = ++this.#pushes;
    const reference = `refs/heads/${["a", "b/c", "b/d"][this.#roll(3)]}`;
    const old = view.references(ids.repositoryId).get(reference);
    const next = old !== undefined && this.#roll(3) === 0 ? undefined : oid(number);
    return {
      kind: "push",
      ...ids,
      pushId: pushId(number),
      atMs: number,
      commandCount: 2,
      updates: [{
        name: reference,
        ...(old === undefined ? {} : { old }),
        ...(next === undefined ? {} : { new: next }),
      }],
      rejections: [{ index: 1, reason: `reason ${number}` }],
      ...(this.#roll(2) === 0 ? {} : {
        group: {
          groupId: id(4, number) as GroupId,
          historyBytes: number,
          contentBytes: 1,
          indexBytes: 1,
          historyCount: 1,
          contentCount: 1,
          extentBytes: 8,
        },
      }),
      pushOptions: [],
      provenance: { transport: "http", atMs: number },
    };
  }
}

/** Everything that a decision can ask of a view. */
function observe(view: PartitionView, pushes: number): unknown {
  return [0, 1, 2].map((number) => {
    const repository = view.repository(repositoryId(number));
    const references = view.references(repositoryId(number));
    return {
      // Versions are lsns, which a record that is not appended does not have yet.
      repository: repository &&
        (repository.deleted && repository.removedAtMs === undefined
          ? "deleted"
          : { ...repository, refsVersion: 0 }),
      name: view.name(name(number)),
      references: repository?.deleted ? undefined : ["a", "b", "b/c", "b/d"].map((one) => [
        references.get(`refs/heads/${one}`),
        references.hasBelow(`refs/heads/${one}`),
      ]),
      pushes: repository?.deleted ? undefined : Array.from(
        { length: pushes },
        (_, push) => view.pushOutcome(repositoryId(number), pushId(push)),
      ),
    };
  });
}

Deno.test("apply() leads to what the overlay showed before", async () => {
  for (let seed = 0; seed < 12; seed++) {
    await withDatabase(async (database) => {
      const source = new RecordSource(seed);
      const materialiser = new Materialiser(database.writer);
      const reader = new StateReader(database);
      let lsn = 0;
      for (let batch = 0; batch < 12; batch++) {
        const overlay = new PartitionOverlay(reader);
        const records = Array.from({ length: 6 }, () => {
          const record = source.next(overlay);
          overlay.add(record);
          return { lsn: ++lsn as Lsn, record };
        });
        const shown = observe(overlay, 80);
        await database.write(() => materialiser.apply(PARTITION, records));
        deepEqual(observe(reader, 80), shown, `seed ${seed}, batch ${batch}`);
      }
      equal(reader.applied(PARTITION), lsn);
    });
  }
});

Deno.test("apply() refuses gaps, repetitions and records of unknown repositories", async () => {
  await withDatabase(async (database) => {
    const materialiser = new Materialiser(database.writer);
    const record = { kind: "deletion-finished", repositoryId: repositoryId(1) } as const;
    const apply = (lsn: number) =>
      database.write(() => materialiser.apply(PARTITION, [{ lsn: lsn as Lsn, record }]));
    await apply(1);
    for (const lsn of [1, 3]) {
      const failure = await apply(lsn).then(() => undefined, (error) => error);
      equal(hasCode(failure, "corrupt"), true);
    }
    await apply(2);
    const push: LogRecord = {
      kind: "push",
      repositoryId: repositoryId(9),
      networkId: networkId(9),
      pushId: pushId(1),
      atMs: 1,
      commandCount: 1,
      updates: [{ name: "refs/heads/a", new: oid(1) }],
      rejections: [],
      pushOptions: [],
      provenance: { transport: "http", atMs: 1 },
    };
    throws(
      () => runWhole(materialiser.apply(PARTITION, [{ lsn: 3 as Lsn, record: push }])),
      (error) => hasCode(error, "corrupt"),
    );
  });
});

Deno.test("the catalogue follows pushes, and empties when a network's last repository goes", async () => {
  await withDatabase(async (database) => {
    const materialiser = new Materialiser(database.writer);
    const catalogue = new StateCatalogue(new Statements(database.reader));
    let lsn = 0;
    const apply = (record: LogRecord) =>
      database.write(() => materialiser.apply(PARTITION, [{ lsn: ++lsn as Lsn, record }]));
    const network = networkId(1);
    const ids = { repositoryId: repositoryId(1), networkId: network };
    const common = { ...ids, name: name(1), atMs: 1 };
    await apply({
      kind: "repository-created",
      ...common,
      objectFormat: "sha1",
      head: "refs/heads/main",
    });
    deepEqual(catalogue.version(network), { sequence: 0, generation: 0 });
    const group = {
      groupId: id(4, 1) as GroupId,
      historyBytes: 10,
      contentBytes: 20,
      indexBytes: 30,
      historyCount: 1,
      contentCount: 2,
      extentBytes: 8,
    };
    const push = {
      kind: "push",
      ...ids,
      atMs: 2,
      commandCount: 1,
      rejections: [],
      pushOptions: [],
      provenance: { transport: "http", atMs: 2 },
    } as const;
    await apply({
      ...push,
      pushId: pushId(1),
      updates: [{ name: "refs/x/y", new: oid(1) }],
      group,
    });
    await apply({ ...push, pushId: pushId(2), updates: [{ name: "refs/x/z", new: oid(1) }] });
    deepEqual(catalogue.version(network), { sequence: 2, generation: 0 });
    const catalogued = { sequence: 2, group, repositoryId: repositoryId(1) };
    deepEqual(catalogue.groups(network), [catalogued]);
    deepEqual(catalogue.groups(network, 2), []);

    await apply({ kind: "repository-deleted", ...common });
    deepEqual(catalogue.groups(network), []);
    deepEqual(catalogue.version(network), { sequence: 0, generation: 1 });
  });
});
