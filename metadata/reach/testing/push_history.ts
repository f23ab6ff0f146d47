/**
 * Pushes a source's history the way people do: in steps.
 *
 * @module
 */

import type { Dice } from "./history.ts";
import type { TestNetwork, TestRepository } from "./test_network.ts";

/** Pushes every branch in steps, some thin, some by a pusher who knows little, then all tags. */
export async function pushInSteps(
  network: TestNetwork,
  repository: TestRepository,
  roll: Dice,
): Promise<void> {
  const references = await network.source.references();
  for (const [name, tip] of references) {
    if (!name.startsWith("refs/heads/")) continue;
    const chain = await network.source.lines(["rev-list", "--first-parent", "--reverse", tip]);
    const stale = [...repository.tips()];
    for (let at = roll(6); at < chain.length; at += 1 + roll(12)) {
      const known = roll(4) === 0 ? stale.slice(0, roll(3)) : [...repository.tips()];
      await network.push(repository, { [name]: chain[at]! }, { thin: roll(2) === 0, known });
    }
    await network.push(repository, { [name]: tip }, { thin: roll(2) === 0 });
  }
  const tags = [...references].filter(([name]) => name.startsWith("refs/tags/"));
  await network.push(repository, Object.fromEntries(tags.map(([name]) => [name, name])));
}
