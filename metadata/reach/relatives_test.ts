import assert from "node:assert/strict";
import type { NetworkIndex } from "./network_index.ts";
import { Relatives } from "./relatives.ts";

/** A network of one group that knows delta bases and nothing else. */
function networkOf(bases: readonly (number | undefined)[]): NetworkIndex {
  const group = { start: 0, base: (ordinal: number) => bases[ordinal] };
  return { groupAt: () => group } as unknown as NetworkIndex;
}

/** The relatives of what is sent although its base is not. */
function relativesOf(bases: readonly (number | undefined)[], isThere: (at: number) => boolean) {
  const relatives = new Relatives(networkOf(bases), isThere);
  const cut = bases.flatMap((base, at) => {
    return isThere(at) && base !== undefined && !isThere(base) ? [at] : [];
  });
  for (const at of cut) relatives.place(at);
  return { cut, relatives };
}

Deno.test("Relatives.of() is what is sent above, else the neighbour below the same base", () => {
  // 0 - 1 - 2 - 3 and 1 - 4, 1 - 5: 1 and 2 stay behind.
  const bases = [undefined, 0, 1, 2, 1, 1];
  const above = relativesOf(bases, (at) => at !== 1 && at !== 2).relatives;
  assert.deepEqual([3, 4, 5].map((at) => above.of(at)), [0, 3, 4]);
  const none = relativesOf(bases, (at) => at > 2).relatives;
  assert.deepEqual([3, 4, 5].map((at) => none.of(at)), [undefined, 3, 4]);
});

Deno.test("Relatives form no cycle and no long line, whatever is sent", () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let round = 0; round < 300; round++) {
    const isStar = random(3) === 0;
    // Bases come before or behind, as reference deltas may; each points towards a root.
    const order = Array.from({ length: 120 }, (_, at) => at).sort(() => random(3) - 1);
    const bases: (number | undefined)[] = [];
    order.forEach((at, rank) => {
      bases[at] = rank === 0 ? undefined : order[isStar ? 0 : random(rank)];
    });
    const sent = bases.map((_, at) => random(4) > round % 4 || (isStar && at !== order[0]));
    const { cut, relatives } = relativesOf(bases, (at) => sent[at] === true);
    for (const start of cut) {
      let steps = 0;
      for (let at: number | undefined = start; at !== undefined;) {
        // A client follows relatives where there are some, and stored bases elsewhere.
        const next: number | undefined = cut.includes(at) ? relatives.of(at) : bases[at];
        assert.ok(next === undefined || sent[next], "a relative is sent");
        at = next;
        assert.ok(++steps <= bases.length, "a line ends");
      }
      if (isStar) assert.ok(steps <= 52, `${steps} steps`);
    }
  }
});
