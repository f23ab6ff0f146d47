import { deepEqual, equal, ok } from "node:assert/strict";
import type { ObjectType, Oid } from "@gitstratum/core/git";
import { DEFAULT_REPOSITORY_SETTINGS, type ReferenceCommand } from "@gitstratum/core/rpc";
import type { ReferenceView } from "../partition/partition_view.ts";
import { ReferenceOverlay } from "./reference_overlay.ts";
import {
  decideReferences,
  type ReferenceDecision,
  type ReferenceTransaction,
  type TipFacts,
} from "./reference_transaction.ts";
import { runWhole } from "../state/sliced.ts";
import { command } from "../testing/test_node.ts";

const oid = (digit: number | string) => String(digit).repeat(40) as Oid;
const [A, B, C] = [oid("a"), oid("b"), oid("c")];
const MAIN = "refs/heads/main";

/** References in a plain map, with the slow and obvious way to look at directories. */
class MapReferences implements ReferenceView {
  readonly map: Map<string, Oid>;

  constructor(entries: Readonly<Record<string, Oid>> = {}) {
    this.map = new Map(Object.entries(entries));
  }

  get(name: string): Oid | undefined {
    return this.map.get(name);
  }

  hasBelow(directory: string): boolean {
    return [...this.namesBelow(directory)].length > 0;
  }

  namesBelow(directory: string): Iterable<string> {
    return [...this.map.keys()].filter((name) => name.startsWith(`${directory}/`));
  }
}

function decide(
  references: Readonly<Record<string, Oid>>,
  commands: readonly ReferenceCommand[],
  options: Partial<ReferenceTransaction> & { readonly types?: Record<Oid, ObjectType> } = {},
): ReferenceDecision {
  const facts = new Map<Oid, TipFacts>(
    commands.map(({ newOid }) => [newOid, { type: options.types?.[newOid] ?? "commit" }]),
  );
  return runWhole(decideReferences(new MapReferences(references), {
    commands,
    atomic: false,
    head: MAIN,
    settings: DEFAULT_REPOSITORY_SETTINGS,
    denied: new Map(),
    facts,
    missing: new Set(),
    ...options,
  }));
}

/** Reasons by command; undefined where it was carried out. */
function reasons(decision: ReferenceDecision, count: number): (string | undefined)[] {
  const found = new Map(decision.rejections.map(({ index, reason }) => [index, reason]));
  return Array.from({ length: count }, (_, index) => found.get(index));
}

Deno.test("decideReferences() creates, updates, forces and deletes", () => {
  const decided = decide({ "refs/heads/a": A, "refs/heads/b": B }, [
    command("refs/heads/a", A, C),
    command("refs/heads/b", B, undefined),
    command("refs/heads/c", undefined, A),
  ]);
  deepEqual(decided.rejections, []);
  deepEqual(decided.updates, [
    { name: "refs/heads/b", old: B },
    { name: "refs/heads/a", old: A, new: C },
    { name: "refs/heads/c", new: A },
  ]);
});

Deno.test("decideReferences() refuses what was not based on the present value", () => {
  const decided = decide({ "refs/heads/a": A }, [
    command("refs/heads/a", B, C),
    command("refs/heads/a", undefined, C),
    command("refs/heads/gone", A, C),
    command("refs/heads/gone", A, undefined),
  ]);
  deepEqual(decided.updates, []);
  deepEqual(reasons(decided, 4), [
    "failed to update ref: incorrect old value provided",
    "failed to update ref: reference already exists",
    "failed to update ref: reference does not exist",
    "failed to update ref: reference does not exist",
  ]);
});

Deno.test("decideReferences() takes the deletion of an absent reference as done", () => {
  deepEqual(decide({}, [command("refs/heads/gone", undefined, undefined)]), {
    updates: [],
    rejections: [],
  });
});

Deno.test("decideReferences() protects the branch of HEAD from deletion only", () => {
  const commands = [command(MAIN, A, undefined)];
  const kept = decide({ [MAIN]: A }, commands);
  deepEqual(reasons(kept, 1), ["deletion of the current branch prohibited"]);
  equal(decide({ [MAIN]: A }, commands, { head: "refs/heads/x" }).updates.length, 1);
  equal(decide({ [MAIN]: A }, [command(MAIN, A, B)]).updates.length, 1);
});

Deno.test("decideReferences() refuses names that git refuses", () => {
  const bad = [
    "HEAD",
    "heads/x",
    "refs/x",
    "refs/heads/a..b",
    "refs/heads/a.lock",
    "refs//x",
    "refs/",
  ];
  const decided = decide({}, bad.map((name) => command(name, undefined, A)));
  deepEqual(reasons(decided, bad.length), bad.map(() => "funny refname"));
  // One level below refs/ can be deleted, though not made.
  deepEqual(decide({ "refs/x": A }, [command("refs/x", A, undefined)]).rejections, []);
});

Deno.test("decideReferences() lets branches hold commits only", () => {
  const types = { [A]: "tag", [B]: "tree", [C]: "blob" } as const;
  const commands = [A, B, C].flatMap((one, index) => [
    command(`refs/heads/${index}`, undefined, one),
    command(`refs/tags/${index}`, undefined, one),
  ]);
  const decided = decide({}, commands, { types });
  deepEqual(reasons(decided, 6), [
    "failed to update ref: a branch can not point at a tag",
    undefined,
    "failed to update ref: a branch can not point at a tree",
    undefined,
    "failed to update ref: a branch can not point at a blob",
    undefined,
  ]);
});

Deno.test("decideReferences() keeps names from being directories of each other", () => {
  const references = { "refs/heads/a/b": A, "refs/heads/c": A };
  const decided = decide(references, [
    command("refs/heads/a", undefined, B),
    command("refs/heads/c/d/e", undefined, B),
    command("refs/heads/a/b/c", undefined, B),
    command("refs/heads/a/c", undefined, B),
    command("refs/heads/c-d", undefined, B),
    command("refs/heads/n", undefined, B),
    command("refs/heads/n/m", undefined, B),
  ]);
  deepEqual(reasons(decided, 7), [
    "failed to update ref: refname conflict with names below refs/heads/a/",
    "failed to update ref: refname conflict with refs/heads/c",
    "failed to update ref: refname conflict with refs/heads/a/b",
    undefined,
    undefined,
    undefined,
    "failed to update ref: refname conflict with refs/heads/n",
  ]);
});

Deno.test("decideReferences() deletes first, so a branch can become a directory", () => {
  const decided = decide({ "refs/heads/a": A }, [
    command("refs/heads/a/b", undefined, B),
    command("refs/heads/a", A, undefined),
  ]);
  deepEqual(decided.rejections, []);
  deepEqual(decided.updates.map(({ name }) => name), ["refs/heads/a", "refs/heads/a/b"]);
});

Deno.test("decideReferences() takes a repeated name as it comes", () => {
  const decided = decide({}, [
    command("refs/heads/a", undefined, A),
    command("refs/heads/a", undefined, B),
    command("refs/heads/a", A, C),
  ]);
  deepEqual(reasons(decided, 3).map((reason) => reason !== undefined), [false, true, false]);
});

Deno.test("decideReferences() carries out all of an atomic push or none", () => {
  const references = { "refs/heads/a": A, "refs/heads/b": B };
  const good = [command("refs/heads/a", A, C), command("refs/heads/b", B, undefined)];
  const atomic = { atomic: true };
  equal(decide(references, good, atomic).updates.length, 2);

  const late = decide(references, [...good, command("refs/heads/c", A, B)], atomic);
  deepEqual(late.updates, []);
  deepEqual(reasons(late, 3), [
    "atomic transaction failed",
    "atomic transaction failed",
    "failed to update ref: reference does not exist",
  ]);

  const broken = decide(references, [command("refs/x", undefined, A), ...good], atomic);
  deepEqual(reasons(broken, 3), ["funny refname", "atomic push failure", "atomic push failure"]);
});

Deno.test("decideReferences() refuses an atomic push whose names meet", () => {
  for (const names of [["a", "a/b"], ["a/b", "a"], ["a", "a"]]) {
    const commands = names.map((name) => command(`refs/heads/${name}`, undefined, A));
    deepEqual(decide({}, commands, { atomic: true }).updates, []);
  }
});

Deno.test("decideReferences() refuses what is missing, whoever else wants it", () => {
  const commands = [command("refs/heads/a", undefined, A), command("refs/heads/b", undefined, B)];
  const missing = new Set([B]);
  deepEqual(reasons(decide({}, commands, { missing }), 2), [
    undefined,
    "missing necessary objects",
  ]);
  deepEqual(decide({}, commands, { missing, atomic: true }).updates, []);
});

Deno.test("decideReferences() denies hidden names, deletions and moves back as the settings say", () => {
  const settings = {
    denyDeletes: true,
    denyDeleteCurrent: true,
    hiddenReferences: ["refs/secret"],
  };
  const references = { [MAIN]: A, "refs/heads/b": A, "refs/secret/x": A, "refs/tags/t": A };
  const commands = [
    command(MAIN, A, undefined),
    command("refs/heads/b", A, B),
    command("refs/secret/x", A, B),
    command("refs/secret/x", A, undefined),
    command("refs/tags/t", A, undefined),
    command("refs/heads/none", undefined, undefined),
  ];
  const rules = new Map([[1, "non-fast-forward"]]);
  const options = { settings, denied: rules };
  const denied = [
    "deletion prohibited",
    "non-fast-forward",
    "deny updating a hidden ref",
    "deny deleting a hidden ref",
  ];
  deepEqual(reasons(decide(references, commands, options), 6), [...denied, undefined, undefined]);
  const atomic = decide(references, commands, { ...options, atomic: true });
  deepEqual(atomic.updates, []);
  deepEqual(reasons(atomic, 6), [...denied, "atomic push failure", "atomic push failure"]);
});

Deno.test("decideReferences() lets the current branch go where its deletion is only warned of", () => {
  const commands = [command(MAIN, A, undefined)];
  for (const denyDeleteCurrent of [false, "warn"] as const) {
    const settings = { denyDeletes: false, denyDeleteCurrent, hiddenReferences: [] };
    deepEqual(decide({ [MAIN]: A }, commands, { settings }).rejections, []);
  }
});

/** A small generator of numbers below a bound. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

Deno.test("decideReferences() holds for random pushes what a repository must hold", () => {
  const names = ["a", "a/b", "a/b/c", "b", "b/a", "c"].map((name) => `refs/heads/${name}`);
  const values = [undefined, A, B, C];
  for (let seed = 0; seed < 400; seed++) {
    const roll = dice(seed);
    const references = new MapReferences();
    for (let push = 0; push < 6; push++) {
      const commands = Array.from({ length: 1 + roll(5) }, () => {
        const name = names[roll(names.length)]!;
        const old = roll(4) === 0 ? values[roll(4)] : references.get(name);
        return command(name, old, values[roll(4)]);
      });
      const atomic = roll(2) === 0;
      const before = new Map(references.map);
      const facts = new Map(commands.map(({ newOid }) => [newOid, { type: "commit" } as const]));
      const transaction = {
        commands,
        atomic,
        head: MAIN,
        settings: DEFAULT_REPOSITORY_SETTINGS,
        denied: new Map<number, string>(),
        facts,
        missing: new Set<Oid>(),
      };
      const decided = runWhole(decideReferences(references, transaction));
      deepEqual(references.map, before, "the references below stay");

      // What is reported carried out is carried out, in some order of effect, and nothing else.
      for (const update of decided.updates) {
        equal(references.get(update.name), update.old, `seed ${seed}`);
        if (update.new === undefined) references.map.delete(update.name);
        else references.map.set(update.name, update.new);
      }
      const rejected = new Set(decided.rejections.map(({ index }) => index));
      if (atomic) ok(rejected.size === 0 || rejected.size === commands.length);
      for (const update of decided.updates) {
        ok(commands.some(({ name }, index) => name === update.name && !rejected.has(index)));
      }
      const held = [...references.map.keys()];
      for (const name of held) {
        ok(!held.some((other) => other.startsWith(`${name}/`)), `seed ${seed}: ${name}`);
      }
    }
  }
});

Deno.test("ReferenceOverlay answers as if its changes were made", () => {
  const names = ["a", "a/b", "a/b/c", "a/c", "b"].map((name) => `refs/${name}`);
  for (let seed = 0; seed < 200; seed++) {
    const roll = dice(seed);
    const below = new MapReferences();
    for (const name of names) if (roll(2) === 0) below.map.set(name, A);
    const model = new MapReferences(Object.fromEntries(below.map));
    const overlay = new ReferenceOverlay(new ReferenceOverlay(below));
    for (let step = 0; step < 10; step++) {
      const name = names[roll(names.length)]!;
      const value = roll(2) === 0 ? undefined : B;
      overlay.set(name, value);
      if (value === undefined) model.map.delete(name);
      else model.map.set(name, value);
      for (const one of names) {
        equal(overlay.get(one), model.get(one));
        equal(overlay.hasBelow(one), model.hasBelow(one), `seed ${seed}: ${one}`);
        deepEqual([...overlay.namesBelow(one)].sort(), [...model.namesBelow(one)].sort());
      }
    }
  }
});
