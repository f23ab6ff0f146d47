import assert from "node:assert/strict";
import { hasCode } from "../../error.ts";
import { LinkedNodes } from "../testing/linked_nodes.ts";
import type { NodeLinks } from "./node_links.ts";

/** Tells links that nothing got through to `a`, and lets them look for another way. */
async function lost(nodes: LinkedNodes, links: NodeLinks): Promise<string | undefined> {
  links.failed(links.routeTo(nodes.node("a")));
  for (let ms = 0; ms < 2000; ms += 100) await nodes.clock.advance(100);
  return links.routeTo(nodes.node("a")).by?.id;
}

Deno.test("NodeLinks.failed() keeps the straight way while the node answers over it", async () => {
  const nodes = new LinkedNodes(["a", "b", "c"]);
  assert.equal(await lost(nodes, nodes.links("us")), undefined);
});

Deno.test("NodeLinks.failed() finds a node that reaches the other, and passes over one that does not", async () => {
  const nodes = new LinkedNodes(["a", "b", "c", "d"], { old: ["c"] });
  nodes.cut("us", "a", "swallows");
  nodes.cut("b", "a", "swallows");
  const links = nodes.links("us");
  assert.equal(await lost(nodes, links), "d");
  // The one that passed calls on is cut off as well: with b and c there is nobody left.
  nodes.cut("us", "d", "refuses");
  nodes.mend();
  nodes.cut("us", "a", "refuses");
  nodes.cut("us", "d", "refuses");
  assert.equal(await lost(nodes, links), "b");
});

Deno.test("NodeLinks.failed() asks neither itself nor nodes that are down", async () => {
  const nodes = new LinkedNodes(["a", "b"]);
  nodes.cut("b", "a", "refuses");
  assert.equal(await lost(nodes, nodes.links("b")), undefined);
  assert.deepEqual(nodes.sent.map(([, to]) => to), ["a"]);
  nodes.sent.length = 0;
  nodes.cut("us", "a", "refuses");
  const { version: _, ...topology } = nodes.topology.current();
  nodes.topology.set({
    ...topology,
    nodes: topology.nodes.map((node) => node.id === "b" ? { ...node, state: "down" } : node),
  });
  assert.equal(await lost(nodes, nodes.links("us")), undefined);
  assert.deepEqual(nodes.sent.map(([, to]) => to), ["a"]);
});

Deno.test("NodeLinks.routeTo() goes back to the straight way once that is open", async () => {
  const nodes = new LinkedNodes(["a", "b"]);
  nodes.cut("us", "a", "swallows");
  const links = nodes.links("us");
  assert.equal(await lost(nodes, links), "b");
  nodes.mend();
  await nodes.clock.advance(10_000);
  // This one finds out, later ones know.
  links.routeTo(nodes.node("a"));
  await nodes.clock.advance(0);
  assert.equal(links.routeTo(nodes.node("a")).by, undefined);
  assert.equal(nodes.clock.sleeping, 0);
});

Deno.test("NodeLinks.routeTo() knows nothing of a node that started anew", async () => {
  const nodes = new LinkedNodes(["a", "b"]);
  nodes.cut("us", "a", "swallows");
  const links = nodes.links("us");
  assert.equal(await lost(nodes, links), "b");
  const again = { ...nodes.node("a"), incarnation: 2 };
  assert.equal(links.routeTo(again).by, undefined);
});

Deno.test("NodeLinks.watch() ends when the way was cut and another one was found", async () => {
  const nodes = new LinkedNodes(["a", "b"]);
  const links = nodes.links("us");
  const watching = links.watch(links.routeTo(nodes.node("a")), new AbortController().signal);
  let isOver = false;
  watching.catch(() => isOver = true);
  for (let ms = 0; ms < 20_000; ms += 500) await nodes.clock.advance(500);
  assert.equal(isOver, false);
  nodes.cut("us", "a", "swallows");
  await assert.rejects(nodes.passing(watching), (error) => hasCode(error, "unavailable"));
  assert.equal(links.routeTo(nodes.node("a")).by?.id, "b");
});
