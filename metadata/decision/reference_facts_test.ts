import { deepEqual, equal } from "node:assert/strict";
import type { AccountName, Pusher } from "@gitstratum/core/access";
import type { Oid } from "@gitstratum/core/git";
import type { ReferenceCommand, RepositoryKey } from "@gitstratum/core/rpc";
import { command, pushRequest, reasons, TestNode } from "../testing/test_node.ts";

const MAIN = "refs/heads/main";
const RULE = { denyDelete: false, denyForce: false, linearHistory: false, signed: false };
const FORWARD = `protected by ${MAIN}: it only moves forward`;
const LINEAR = (name: string) => `protected by ${name}: it takes no merge commits`;

/** A repository with rules and commits on main. */
async function ruled(node: TestNode, rules: readonly object[], commits: readonly Oid[]) {
  const key = await node.create();
  const group = await node.store(key, commits);
  const first = [command(MAIN, undefined, commits.at(-1)!)];
  deepEqual(reasons(await node.push(key, first, { group })), [undefined]);
  const protectedReferences = rules.map((rule) => ({ ...RULE, ...rule })) as never;
  await node.metadata.updateRepository(key, { settings: { protectedReferences } });
  /** Pushes commands with what they need; the reasons. */
  const push = async (
    commands: readonly ReferenceCommand[],
    options: { readonly brings?: readonly Oid[]; readonly pusher?: Pusher } = {},
  ) => {
    const { brings = [], pusher } = options;
    const sent = brings.length === 0 ? {} : { group: await node.store(key, brings) };
    return reasons(await node.push(key, commands, { ...sent, ...(pusher && { pusher }) }));
  };
  return { key: key as RepositoryKey, push };
}

Deno.test("push() holds protected references to what their rules say", async () => {
  await using node = await TestNode.start();
  const one = node.objects.commitOf("1");
  const two = node.objects.commitOf("2", [one]);
  const { push } = await ruled(node, [
    { pattern: MAIN, denyForce: true },
    { pattern: "refs/tags/**", denyForce: true, denyDelete: true },
  ], [one, two]);
  deepEqual(await push([command(MAIN, two, one)]), [FORWARD]);
  const three = node.objects.commitOf("3", [two]);
  deepEqual(await push([command(MAIN, two, three)], { brings: [three] }), [undefined]);
  const away = node.objects.commitOf("away");
  const moves = [command("refs/tags/t", undefined, two), command("refs/heads/x", undefined, away)];
  deepEqual(await push(moves, { brings: [away] }), [undefined, undefined]);
  deepEqual(await push([command("refs/tags/t", two, three)]), [undefined]);
  deepEqual(await push([command("refs/tags/t", three, away)]), [
    "protected by refs/tags/**: it only moves forward",
  ]);
  deepEqual(await push([command("refs/tags/t", three, undefined)]), [
    "protected by refs/tags/**: it is not to be deleted",
  ]);
  deepEqual(await push([command("refs/heads/x", away, three)]), [undefined]);
});

Deno.test("push() lets only those move a reference whom its rule names", async () => {
  await using node = await TestNode.start();
  const one = node.objects.commitOf("1");
  const pushers = { role: "admin", users: ["ann"], deployKeys: ["k1"] };
  const { push } = await ruled(node, [{ pattern: "refs/heads/release/*", pushers }], [one]);
  const denied = "protected by refs/heads/release/*: you may not push to it";
  const cases: [Pusher | undefined, string | undefined][] = [
    [undefined, denied],
    [{ role: "write" }, denied],
    [{ role: "write", user: "bob" as AccountName }, denied],
    [{ role: "write", user: "ann" as AccountName }, undefined],
    [{ role: "write", deployKey: "k2" }, denied],
    [{ role: "write", deployKey: "k1" }, undefined],
    [{ role: "admin" }, undefined],
  ];
  for (const [index, [pusher, reason]] of cases.entries()) {
    const commands = [command(`refs/heads/release/${index}`, undefined, one)];
    deepEqual(await push(commands, pusher && { pusher }), [reason], JSON.stringify(pusher));
  }
});

Deno.test("push() finds merges that are new to a linear reference, wherever they come from", async () => {
  await using node = await TestNode.start();
  const objects = node.objects;
  const root = objects.commitOf("root");
  const left = objects.commitOf("left", [root]);
  const right = objects.commitOf("right", [root]);
  const oldMerge = objects.commitOf("old merge", [left, right]);
  const { push } = await ruled(node, [
    { pattern: MAIN, linearHistory: true },
    { pattern: "refs/heads/r/*", linearHistory: true },
  ], [root, left, right, oldMerge]);

  // What the branch has already is not new to it, even when a push brings it again.
  const next = objects.commitOf("next", [oldMerge]);
  objects.commitOf("left", [root]);
  objects.commitOf("right", [root]);
  objects.commitOf("old merge", [left, right]);
  deepEqual(await push([command(MAIN, oldMerge, next)], { brings: [oldMerge, next] }), [undefined]);

  const side = objects.commitOf("side", [next]);
  const merge = objects.commitOf("merge", [next, side]);
  const after = objects.commitOf("after", [merge]);
  const elsewhere = [command(MAIN, next, after), command("refs/heads/side", undefined, after)];
  deepEqual(await push(elsewhere, { brings: [after] }), [LINEAR(MAIN), undefined]);
  // Now that it is in the repository, nothing has to be brought.
  deepEqual(await push([command(MAIN, next, after)]), [LINEAR(MAIN)]);
  const beyond = objects.commitOf("beyond", [after]);
  deepEqual(await push([command(MAIN, next, beyond)], { brings: [beyond] }), [LINEAR(MAIN)]);
  deepEqual(await push([command("refs/heads/r/1", undefined, after)]), [LINEAR("refs/heads/r/*")]);
  deepEqual(await push([command("refs/heads/r/1", undefined, next)]), [undefined]);
  deepEqual(await push([command(MAIN, next, side)]), [undefined]);
});

Deno.test("push() obeys rules that came between its check and its decision", async () => {
  await using node = await TestNode.start();
  const one = node.objects.commitOf("1");
  const two = node.objects.commitOf("2", [one]);
  const { key, push } = await ruled(node, [], [one, two]);
  const protectedReferences = [{ ...RULE, pattern: MAIN, denyForce: true }];
  const [settled, pushed] = await Promise.all([
    node.metadata.updateRepository(key, { settings: { protectedReferences } }),
    push([command(MAIN, two, one)]),
  ]);
  equal(settled.settings.protectedReferences?.length, 1);
  deepEqual(pushed, [FORWARD]);
});

Deno.test("push() asks for the signatures of all commits that are new to a reference", async () => {
  await using node = await TestNode.start();
  const objects = node.objects;
  const one = objects.commitOf("1");
  const rules = [{ pattern: "refs/heads/s*", signed: true }];
  const { key, push } = await ruled(node, rules, [one]);
  // What the default branch has is not new.
  deepEqual(await push([command("refs/heads/s", undefined, one)]), [undefined]);

  const two = objects.commitOf("2", [one]);
  let group = await node.store(key, [two]);
  const elsewhere = [command("refs/heads/free", undefined, two)];
  deepEqual(reasons(await node.push(key, elsewhere, { group })), [undefined]);
  const three = objects.commitOf("3", [two]);
  group = await node.store(key, [three]);
  const commands = [command("refs/heads/s", one, three), command("refs/heads/x", undefined, three)];
  const { pushId } = pushRequest(commands);
  const first = await node.push(key, commands, { group, pushId });
  deepEqual(first.results, [], "nothing is decided");
  deepEqual(first.unchecked?.map(({ oid }) => oid).sort(), [two, three].sort());
  for (const { chain, size } of first.unchecked!) {
    equal(chain.length, 1);
    equal(size > 0, true);
  }
  const ask = async (good: readonly Oid[], bad: readonly Oid[]) => {
    const { results, unchecked } = await node.push(key, commands, {
      group,
      pushId,
      signatures: { good, bad },
    });
    return unchecked?.map(({ oid }) => oid) ?? results.map(({ rejected }) => rejected);
  };
  deepEqual(await ask([three], []), [two]);
  deepEqual(await ask([two, three], []), [undefined, undefined]);
  equal((await node.references(key)).find(({ name }) => name === "refs/heads/s")?.oid, three);
});

Deno.test("push() refuses what has a commit without a good signature", async () => {
  await using node = await TestNode.start();
  const one = node.objects.commitOf("1");
  const { key } = await ruled(node, [{ pattern: "refs/heads/s", signed: true }], [one]);
  const two = node.objects.commitOf("2", [one]);
  const three = node.objects.commitOf("3", [two]);
  const group = await node.store(key, [three]);
  const commands = [
    command("refs/heads/s", undefined, three),
    command("refs/heads/free", undefined, three),
  ];
  const signatures = { good: [three], bad: [two] };
  deepEqual(reasons(await node.push(key, commands, { group, signatures })), [
    "protected by refs/heads/s: it takes only commits with a good signature",
    undefined,
  ]);
});
