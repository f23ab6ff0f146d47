import { deepEqual, equal, ok } from "node:assert/strict";
import { GitRepository } from "./testing/git_repository.ts";
import { dice, writeHistory } from "./testing/history.ts";
import { TestNetwork, type TestRepository } from "./testing/test_network.ts";

for (const format of ["sha1", "sha256"] as const) {
  Deno.test(`what unneededGroups() names can go, and all that is reached stays (${format})`, async () => {
    let freed = 0;
    for (const seed of [3, 4]) {
      await using source = await GitRepository.create(format);
      const roll = dice(seed);
      await writeHistory(source, roll, 60);
      const network = new TestNetwork(source);
      const repositories = [network.repository(), network.repository()];
      for (const name of (await source.references()).keys()) {
        const owner = repositories[roll(2)]!;
        const known = [...owner.tips()].slice(0, roll(3));
        await network.push(owner, { [name]: name }, { thin: true, known });
      }
      const check = async (repository: TestRepository) => {
        const tips = [...new Set(repository.tips())];
        const oids = [...await source.reachable([], tips.join("\n") + "\n")];
        deepEqual(await network.view.contains(repository, oids), []);
        const located = await network.view.locate(repository, { oids, scope: "repository" });
        equal(located.length, oids.length);
        const packs = new Set(located.flatMap(({ chain }) => chain.map(({ pack }) => pack)));
        const groups = network.groups(network.networkId).map(({ group }) => group.groupId);
        for (const pack of packs) ok(groups.some((groupId) => pack.startsWith(groupId)), pack);
      };
      for (let round = 0; round < 4; round++) {
        for (const repository of repositories) {
          for (const name of [...repository.references.keys()]) {
            if (roll(3) === 0) repository.update(name, undefined);
          }
        }
        const candidates = network.groups(network.networkId).map(({ group }) => group.groupId);
        const unneeded = await network.view.unneededGroups(candidates, repositories);
        await network.free(unneeded);
        freed += unneeded.length;
        for (const repository of repositories) await check(repository);
      }
    }
    ok(freed > 5, `${freed} groups went`);
  });
}
