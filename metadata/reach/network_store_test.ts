import { equal, ok } from "node:assert/strict";
import type { ExtentStore } from "@gitstratum/core/rpc";
import type { PackCatalogue } from "../state/pack_catalogue.ts";
import { BlockCache } from "./block_cache.ts";
import { ByteBoundedCache } from "./byte_bounded_cache.ts";
import { NetworkStore } from "./network_store.ts";
import { GitRepository } from "./testing/git_repository.ts";
import { dice, writeHistory } from "./testing/history.ts";
import { pushInSteps } from "./testing/push_history.ts";
import { TestNetwork } from "./testing/test_network.ts";

/** So often a catalogue is asked before somebody asks for ever. */
const LOOK_COUNT_MAX = 50;

/** A network of some groups, and a store over a catalogue that can be changed under it. */
async function openStore(source: GitRepository) {
  await writeHistory(source, dice(3), 10);
  const network = new TestNetwork(source);
  const repository = network.repository();
  await pushInSteps(network, repository, dice(4));
  const groups = network.groups(network.networkId);
  ok(groups.length > 1);
  const shown = { groups, version: network.version(), lookCount: 0 };
  const catalogue: PackCatalogue = {
    groups(_id, after = 0) {
      ok(++shown.lookCount < LOOK_COUNT_MAX, "who asks for ever holds the whole node");
      return shown.groups.filter(({ sequence }) => sequence > after);
    },
    version: () => shown.version,
  };
  const reading: (() => Promise<void>)[] = [];
  const extents: Pick<ExtentStore, "read"> = {
    async read(id, range) {
      await reading.shift()?.();
      return await network.extents.read(id, range);
    },
  };
  const store = new NetworkStore({
    catalogue,
    extents,
    blocks: new BlockCache(extents, 4096),
    objects: new ByteBoundedCache(4096),
    bytesMax: 1e6,
  });
  return { store, repository, shown, reading };
}

Deno.test("NetworkStore.open() ends when the newest groups go while older ones are read", async () => {
  await using source = await GitRepository.create("sha1");
  const { store, repository, shown, reading } = await openStore(source);
  const { groups, version } = shown;
  const [first] = groups as [typeof groups[number]];
  Object.assign(shown, { groups: [first], version: { ...version, sequence: first.sequence } });
  const begun = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  reading.push(() => {
    begun.resolve();
    return held.promise;
  });
  const early = store.open(repository);
  await begun.promise;
  Object.assign(shown, { groups, version });
  const late = store.open(repository);
  const { generation } = version;
  const after = { sequence: first.sequence, generation: generation + 1 };
  Object.assign(shown, { groups: [first], version: after });
  held.resolve();
  ok((await early).network.bytes > 0);
  equal(await late, await store.open(repository), "what the catalogue has now");
});

Deno.test("NetworkStore.open() ends where a group was counted twice", async () => {
  await using source = await GitRepository.create("sha1");
  const { store, repository, shown } = await openStore(source);
  // Another push named a group that was there: it stays where it is, and the count goes on.
  const opened = await store.open(repository);
  const { sequence, generation } = shown.version;
  for (const more of [2, 4]) {
    shown.version = { sequence: sequence + more, generation };
    equal(await store.open(repository), opened);
    const { lookCount } = shown;
    equal(await store.open(repository), opened);
    equal(shown.lookCount, lookCount);
  }
});
