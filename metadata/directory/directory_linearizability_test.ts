/**
 * Histories of clients that create, rename, delete, restore and look up repositories under few names,
 * over a log that loses appends and answers.
 */

import { ok } from "node:assert/strict";
import { hasCode, SeededRandom } from "@gitstratum/core";
import {
  newRepositoryId,
  type RepositoryId,
  type RepositoryInfo,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import { FaultyLog } from "../testing/faulty_log.ts";
import { TestNode } from "../testing/test_node.ts";

const NAMES = ["o/a", "o/b", "o/c"] as RepositoryName[];
/** Clients that change names, clients that only look, and calls of each of them. */
const CHANGERS = 3;
const LOOKERS = 2;
const CHANGES = 5;
const LOOKS = 12;

/** What was asked, and the answer. Failures change nothing and may have any reason. */
type Call =
  | { readonly kind: "create"; readonly id: RepositoryId; readonly name: RepositoryName }
  | {
    readonly kind: "rename";
    readonly id: RepositoryId;
    readonly from: RepositoryName;
    readonly name: RepositoryName;
  }
  | { readonly kind: "delete"; readonly id: RepositoryId }
  | { readonly kind: "restore"; readonly id: RepositoryId; readonly name: RepositoryName }
  | {
    readonly kind: "find";
    readonly name: RepositoryName;
    readonly found?: readonly [RepositoryId, RepositoryName];
  };

/** A call with the places of its begin and its end among all begins and ends. */
type Happened = Call & { readonly begin: number; readonly end: number };

/** The directory as people think of it: living repositories, those to be restored, former names. */
interface Model {
  readonly living: ReadonlyMap<RepositoryId, RepositoryName>;
  readonly removed: ReadonlySet<RepositoryId>;
  readonly former: ReadonlyMap<RepositoryName, RepositoryId>;
}

const EMPTY: Model = { living: new Map(), removed: new Set(), former: new Map() };

function holder(model: Model, name: RepositoryName): RepositoryId | undefined {
  for (const [id, held] of model.living) if (held === name) return id;
  return undefined;
}

function withLiving(model: Model, id: RepositoryId, name: RepositoryName): Model | undefined {
  const other = holder(model, name);
  if (other !== undefined && other !== id) return undefined;
  const living = new Map(model.living).set(id, name);
  const removed = new Set(model.removed);
  removed.delete(id);
  const former = new Map(model.former);
  former.delete(name);
  return { living, removed, former };
}

/** The model after a call, or undefined when the call can not have had its answer here. */
function step(model: Model, call: Call): Model | undefined {
  switch (call.kind) {
    case "create":
      return model.living.has(call.id) ? undefined : withLiving(model, call.id, call.name);
    case "rename": {
      const present = model.living.get(call.id);
      if (present === call.name) return model;
      if (present !== call.from) return undefined;
      const next = withLiving(model, call.id, call.name);
      return next && { ...next, former: new Map(next.former).set(call.from, call.id) };
    }
    case "delete": {
      // Of two that race, both may say that it is done.
      if (model.removed.has(call.id)) return model;
      if (!model.living.has(call.id)) return undefined;
      const living = new Map(model.living);
      living.delete(call.id);
      return { ...model, living, removed: new Set(model.removed).add(call.id) };
    }
    case "restore":
      if (model.living.get(call.id) === call.name) return model;
      return model.removed.has(call.id) ? withLiving(model, call.id, call.name) : undefined;
    case "find": {
      const now = holder(model, call.name);
      if (now !== undefined) return call.found?.[0] === now ? seen(model, call.found) : undefined;
      if (call.found === undefined) return model;
      return model.former.get(call.name) === call.found[0] ? seen(model, call.found) : undefined;
    }
  }
}

/** The model, if a repository has in it the name that it showed. */
function seen(
  model: Model,
  [id, name]: readonly [RepositoryId, RepositoryName],
): Model | undefined {
  return model.living.get(id) === name ? model : undefined;
}

/** Whether the calls have an order that time allows and in which each answer is right. */
function isLinearizable(history: readonly Happened[]): boolean {
  const failed = new Set<string>();
  const search = (left: readonly Happened[], model: Model): boolean => {
    if (left.length === 0) return true;
    const key = JSON.stringify([
      left.map(({ begin }) => begin),
      [...model.living].sort(),
      [...model.removed].sort(),
      [...model.former].sort(),
    ]);
    if (failed.has(key)) return false;
    const firstEnd = Math.min(...left.map(({ end }) => end));
    for (const call of left) {
      if (call.begin > firstEnd) continue;
      const next = step(model, call);
      if (next !== undefined && search(left.filter((other) => other !== call), next)) return true;
    }
    failed.add(key);
    return false;
  };
  return search(history, EMPTY);
}

/** Asks until there is an answer; undefined for a failure that is final. */
async function answered<T>(work: () => Promise<T>): Promise<T | undefined> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (hasCode(error, "unavailable")) continue;
      const final = ["already-exists", "not-found", "conflict"] as const;
      if (!final.some((code) => hasCode(error, code))) throw error;
      return undefined;
    }
  }
}

/** Calls on repositories that all clients know. */
class Client {
  readonly #node: TestNode;
  readonly #random: SeededRandom;
  /** Repositories with a name that each had lately. */
  readonly #known: Map<RepositoryId, RepositoryInfo>;

  constructor(
    node: TestNode,
    random: SeededRandom,
    known: Map<RepositoryId, RepositoryInfo>,
  ) {
    this.#node = node;
    this.#random = random;
    this.#known = known;
  }

  /** Looks a name up. */
  async find(name = this.#pick(NAMES)): Promise<Call | undefined> {
    const found = await answered(() => this.#node.metadata.findRepository(name));
    return found === undefined
      ? { kind: "find", name }
      : { kind: "find", name, found: [found.repositoryId, found.name] };
  }

  /** Changes something; undefined when it failed. @throws Ambiguous */
  async change(): Promise<Call | undefined> {
    const { metadata } = this.#node;
    const name = this.#pick(NAMES);
    const kind = this.#pick(["create", "rename", "rename", "delete", "restore"] as const);
    const known = this.#pick([...this.#known.values(), undefined]);
    if (kind === "create" || known === undefined) return await this.#create(name);
    const { repositoryId: id, name: from } = known;
    if (kind === "rename") {
      const done = await answered(() => metadata.renameRepository(known, { from, name }));
      if (done !== undefined) this.#known.set(id, done);
      return done && { kind, id, from, name };
    }
    if (kind === "restore") {
      const done = await answered(() => metadata.restoreRepository(known, { name }));
      if (done !== undefined) this.#known.set(id, done);
      return done && { kind, id, name };
    }
    return await this.#delete(known);
  }

  async #create(name: RepositoryName): Promise<Call | undefined> {
    const repositoryId = newRepositoryId(this.#random);
    const request = { name, repositoryId, objectFormat: "sha1", defaultBranch: "main" } as const;
    const created = await answered(() => this.#node.metadata.createRepository(request));
    if (created === undefined) return undefined;
    this.#known.set(repositoryId, created);
    return { kind: "create", id: repositoryId, name };
  }

  /** A deletion that finds nothing at its second attempt was done by its first, or by somebody else. */
  async #delete(key: RepositoryInfo): Promise<Call | undefined> {
    for (let attempt = 1;; attempt++) {
      try {
        await this.#node.metadata.deleteRepository(key);
        return { kind: "delete", id: key.repositoryId };
      } catch (error) {
        if (hasCode(error, "unavailable")) continue;
        if (!hasCode(error, "not-found")) throw error;
        if (attempt > 1) throw new Ambiguous();
        return undefined;
      }
    }
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#random.below(choices.length)]!;
  }
}

/** The history can not be judged: what a call did is not known. */
class Ambiguous extends Error {}

async function run(seed: number, faulty: boolean): Promise<Happened[] | undefined> {
  const random = new SeededRandom(seed);
  let log: FaultyLog | undefined;
  await using node = await TestNode.start({ wrapLog: (inner) => log = new FaultyLog(inner) });
  if (faulty) {
    log!.fault = () =>
      random.chance(0.15) ? (random.chance(0.5) ? "lost" : "answer-lost") : undefined;
  }
  const client = new Client(node, random, new Map());
  const history: Happened[] = [];
  let tick = 0;
  let done = false;
  const calls = async (count: number, make: () => Promise<Call | undefined>) => {
    for (let round = 0; round < count; round++) {
      const begin = tick++;
      const call = await make();
      if (call !== undefined) history.push({ ...call, begin, end: tick++ });
      if (!done) await node.clock.sleep(1 + random.below(60));
    }
  };
  const work = [
    ...Array.from({ length: CHANGERS }, () => calls(CHANGES, () => client.change())),
    ...Array.from({ length: LOOKERS }, () => calls(LOOKS, () => client.find())),
  ];
  const all = Promise.all(work).then(() => true, (error) => {
    if (error instanceof Ambiguous) return false;
    throw error;
  }).finally(() => done = true);
  // Retries wait on the clock, and steps on the log, so that calls come between them.
  while (!done) {
    const gate = Promise.withResolvers<void>();
    log!.gate = gate.promise;
    await node.clock.advance(50);
    gate.resolve();
  }
  await Promise.allSettled(work);
  if (!await all) return undefined;
  log!.revive();
  await node.restart({ lose: true });
  node.clock.jumpWall(10 * 60_000);
  await node.node.upkeep();
  for (const name of NAMES) await calls(1, () => client.find(name));
  return history;
}

for (const faulty of [false, true]) {
  Deno.test(`names are linearizable over a log that ${faulty ? "loses appends" : "works"}`, async () => {
    let judged = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const history = await run(seed, faulty);
      if (history === undefined) continue;
      judged++;
      ok(isLinearizable(history), `seed ${seed}: ${JSON.stringify(history, null, 1)}`);
    }
    ok(judged >= 4, `${judged} histories could be judged`);
  });
}
