/**
 * Requests that arrive a second time, late: they change nothing, whatever was done in between.
 */

import assert from "node:assert/strict";
import { GitStratumError, ManualClock, SeededRandom, systemRandom } from "@gitstratum/core";
import { hashAccessToken, newAccessToken, newRecordId } from "@gitstratum/core/access";
import { OPENPGP_PUBLIC_KEY } from "@gitstratum/core/access/gnupg";
import { MemoryConsensus, prefixRange } from "@gitstratum/core/consensus";
import { type Fetcher, JsonClient } from "@gitstratum/core/rpc";
import { type Access, ACCESS_CALLS, AccessClient } from "@gitstratum/core/rpc/access";
import { removalMark } from "../removal_marks.ts";
import { AccessStage, publicKeyLine, repositoryOf, STAGE_NOW_MS } from "./testing/access_stage.ts";

/** What a story of calls is told with. */
interface Teller {
  readonly stage: AccessStage;
  readonly calls: Access;
  readonly ids: Readonly<Record<"user" | "other" | "issuer" | "owner", string>>;
}

type Step = (teller: Teller) => Promise<unknown>;

/** A call, and what takes back what it did. */
interface Story {
  readonly call: keyof Access;
  readonly before?: Step;
  readonly does: Step;
  readonly undoes: Step;
}

const TOKEN_HASH = hashAccessToken(newAccessToken(systemRandom));
const ID = "ab".repeat(16) as never;
const REPOSITORY = repositoryOf(9);
const HASHES = [1, 2].map(() => hashAccessToken(newAccessToken(systemRandom)));
const ON_OWNER = { on: "owner", owner: "team" } as never;
const ON_REPOSITORY = { on: "repository", repository: REPOSITORY } as const;

const grant =
  (role: "read" | "write", target: typeof ON_REPOSITORY = ON_REPOSITORY): Step =>
  ({ calls, ids }) => calls.setGrant({ user: ids.user as never, target, role });
const ungrant: Step = ({ calls, ids }) =>
  calls.removeGrant({ user: ids.user as never, target: ON_REPOSITORY });
const makeOwner: Step = ({ calls }) => calls.createOwner({ name: "crew" });
const removeOwner: Step = ({ calls }) => calls.removeOwner({ name: "crew" });
const disable = (disabled: boolean): Step => ({ calls, ids }) =>
  calls.changeUser({ user: ids.other as never, disabled });
const makeUser: Step = ({ calls }) =>
  calls.createUser({ id: ID, name: "carol", administrator: true });
const removeUser: Step = ({ calls }) => calls.removeUser({ user: ID });
const makeToken: Step = ({ calls, ids }) =>
  calls.createToken({
    id: ID,
    user: ids.user as never,
    hash: TOKEN_HASH,
    label: "",
    scopes: ["account"],
  });
const removeToken: Step = ({ calls, ids }) =>
  calls.removeToken({ user: ids.user as never, id: ID });
const addKey: Step = ({ calls, ids }) =>
  calls.addUserKey({ id: ID, user: ids.user as never, key: publicKeyLine(7) });
const removeKey: Step = ({ calls, ids }) =>
  calls.removeUserKey({ user: ids.user as never, id: ID });
const addOpenPgpKey: Step = ({ calls, ids }) =>
  calls.addOpenPgpKey({ id: ID, user: ids.user as never, key: OPENPGP_PUBLIC_KEY });
const removeOpenPgpKey: Step = ({ calls, ids }) =>
  calls.removeOpenPgpKey({ user: ids.user as never, id: ID });
const addDeployKey: Step = ({ calls }) =>
  calls.addDeployKey({ id: ID, repository: REPOSITORY, role: "write", key: publicKeyLine(8) });
const removeDeployKey: Step = ({ calls }) =>
  calls.removeDeployKey({ repository: REPOSITORY, id: ID });
const makeIssuer: Step = ({ calls }) =>
  calls.createIssuer({ id: ID, url: "https://other.test", audience: "here" });
const removeIssuer: Step = ({ calls }) => calls.removeIssuer({ id: ID });
const makeTrust: Step = ({ calls, ids }) =>
  calls.createTrust({
    id: ID,
    issuer: ids.issuer as never,
    repository: REPOSITORY,
    role: "write",
    claims: [{ claim: "sub", pattern: "x" }],
    label: "",
  });
const removeTrust: Step = ({ calls }) => calls.removeTrust({ repository: REPOSITORY, id: ID });
const makeJobToken: Step = ({ calls }) =>
  calls.createJobToken({
    id: ID,
    hash: TOKEN_HASH,
    trust: ID,
    subject: "job",
    label: "",
    expiresAtMs: STAGE_NOW_MS + 60_000,
  });
const claim: Step = ({ calls, ids }) =>
  calls.claimFirstAdministrator({
    user: ids.user as never,
    name: "x",
    token: ID,
    hash: TOKEN_HASH,
  });
const removeRepository: Step = ({ calls }) => calls.removeRepository({ repository: REPOSITORY });

const STORIES: readonly Story[] = [
  { call: "createToken", does: makeToken, undoes: removeToken },
  { call: "addUserKey", does: addKey, undoes: removeKey },
  { call: "addOpenPgpKey", does: addOpenPgpKey, undoes: removeOpenPgpKey },
  { call: "addDeployKey", does: addDeployKey, undoes: removeDeployKey },
  { call: "addDeployKey", does: addDeployKey, undoes: removeRepository },
  { call: "createUser", does: makeUser, undoes: removeUser },
  { call: "createOwner", does: makeOwner, undoes: removeOwner },
  { call: "changeUser", before: disable(true), does: disable(false), undoes: disable(true) },
  { call: "setGrant", does: grant("write"), undoes: ungrant },
  { call: "setGrant", before: grant("write"), does: grant("write"), undoes: grant("read") },
  { call: "changeUser", does: disable(false), undoes: disable(true) },
  { call: "setGrant", does: grant("write"), undoes: grant("read") },
  { call: "setGrant", does: grant("write"), undoes: removeRepository },
  {
    call: "setGrant",
    does: grant("write", ON_OWNER),
    async undoes({ calls }) {
      await calls.removeOwner({ name: "team" });
      await calls.createOwner({ name: "Team" });
    },
  },
  { call: "createIssuer", does: makeIssuer, undoes: removeIssuer },
  { call: "createTrust", does: makeTrust, undoes: removeTrust },
  { call: "createTrust", does: makeTrust, undoes: removeRepository },
  { call: "createJobToken", before: makeTrust, does: makeJobToken, undoes: removeTrust },
  { call: "claimFirstAdministrator", does: claim, undoes: () => Promise.resolve() },
  // The other way round: what was taken away is there again, by right.
  { call: "removeGrant", before: grant("read"), does: ungrant, undoes: grant("read") },
  { call: "removeOwner", before: makeOwner, does: removeOwner, undoes: makeOwner },
  {
    call: "removeUser",
    before: makeUser,
    does: removeUser,
    undoes: ({ calls, stage }) =>
      calls.createUser({ id: stage.id() as never, name: "carol", administrator: false }),
  },
  {
    call: "removeToken",
    before: makeToken,
    does: removeToken,
    undoes: ({ calls, ids, stage }) =>
      calls.createToken({
        id: stage.id(),
        user: ids.user as never,
        hash: TOKEN_HASH,
        label: "",
        scopes: ["account"],
      }),
  },
  {
    call: "removeUserKey",
    before: addKey,
    does: removeKey,
    undoes: ({ calls, ids, stage }) =>
      calls.addUserKey({ id: stage.id(), user: ids.user as never, key: publicKeyLine(7) }),
  },
  {
    call: "removeOpenPgpKey",
    before: addOpenPgpKey,
    does: removeOpenPgpKey,
    undoes: ({ calls, ids, stage }) =>
      calls.addOpenPgpKey({ id: stage.id(), user: ids.user as never, key: OPENPGP_PUBLIC_KEY }),
  },
  {
    call: "removeDeployKey",
    before: addDeployKey,
    does: removeDeployKey,
    undoes: ({ calls, stage }) =>
      calls.addDeployKey({
        id: stage.id(),
        repository: REPOSITORY,
        role: "read",
        key: publicKeyLine(8),
      }),
  },
  {
    call: "removeIssuer",
    before: makeIssuer,
    does: removeIssuer,
    undoes: ({ calls, stage }) =>
      calls.createIssuer({ id: stage.id(), url: "https://other.test", audience: "here" }),
  },
  { call: "removeTrust", before: makeTrust, does: removeTrust, undoes: () => Promise.resolve() },
  {
    call: "removeRepository",
    before: addDeployKey,
    does: removeRepository,
    undoes: () => Promise.resolve(),
  },
];

/** A client whose requests are kept, to be sent again. */
function recording(stage: AccessStage): { readonly calls: Access; readonly sent: Request[] } {
  const sent: Request[] = [];
  const fetcher: Fetcher = (request) => {
    if (request.method === "POST") sent.push(request.clone());
    return stage.fetcher(request);
  };
  const json = new JsonClient(fetcher);
  const { calls } = new AccessClient({
    route: (call) => call(json),
    random: systemRandom,
    clock: stage.clock,
    view: stage.node.view,
  });
  return { calls, sent };
}

/** All records, as text. */
async function recordsOf(stage: AccessStage): Promise<string[]> {
  const { entries } = await stage.consensus.range(prefixRange("access/records/"));
  return entries.map(({ value }) => new TextDecoder().decode(value));
}

async function tellerOf(stage: AccessStage, calls: Access): Promise<Teller> {
  const user = await stage.user("alice", true);
  const other = await stage.user("bob");
  await calls.createOwner({ name: "team" });
  const issuer = stage.id();
  await calls.createIssuer({ id: issuer, url: "https://ci.test", audience: "here" });
  return { stage, calls, ids: { user: user.id, other: other.id, issuer, owner: "team" } };
}

for (const { call, before, does, undoes } of STORIES) {
  const what = undoes.name === "undoes" || undoes.name === "" ? "it was undone" : undoes.name;
  Deno.test(`${call}() that arrives again changes nothing, after ${what}`, () =>
    AccessStage.run(async (stage) => {
      const { calls, sent } = recording(stage);
      const teller = await tellerOf(stage, calls);
      await before?.(teller);
      sent.length = 0;
      await does(teller);
      const late = sent.find(({ url }) => new URL(url).pathname.endsWith(`/${call}`));
      assert.ok(late !== undefined, "The call was made");
      const done = await recordsOf(stage);
      await (await stage.fetcher(late.clone())).body?.cancel();
      assert.deepEqual(await recordsOf(stage), done, "a repetition at once");
      await undoes(teller);
      const undone = await recordsOf(stage);
      await (await stage.fetcher(late.clone())).body?.cancel();
      assert.deepEqual(await recordsOf(stage), undone, "a repetition after it was undone");
    }));
}

/** Ids that were drawn a moment ago, of users and of all else. */
interface DrawnIds {
  readonly users: string[];
  readonly records: string[];
}

/** Something that anybody may do at any time, and that may fail. */
function randomCall(calls: Access, drawn: DrawnIds, random: SeededRandom): Promise<unknown> {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;
  const recent = (ids: string[]) => {
    if (random.chance(0.1) || ids.length === 0) ids.push(newRecordId(random));
    return pick(ids.slice(-3)) as never;
  };
  const id = recent(drawn.records);
  const user = recent(drawn.users);
  const name = pick(["ann", "ben", "crew"]);
  const repository = pick([repositoryOf(1), repositoryOf(2)]);
  const target = random.chance(0.5)
    ? { on: "repository", repository } as const
    : { on: "owner", owner: name as never } as const;
  const key = publicKeyLine(random.below(3));
  const hash = HASHES[random.below(HASHES.length)]!;
  return pick<() => Promise<unknown>>([
    // Callers draw ids anew for each creation, so a user who was removed never comes back.
    () => {
      drawn.users.push(newRecordId(random));
      const newId = drawn.users.at(-1)! as never;
      return calls.createUser({ id: newId, name, administrator: random.chance(0.5) });
    },
    () => calls.changeUser({ user, disabled: random.chance(0.5) }),
    () => calls.changeUser({ user, administrator: random.chance(0.5) }),
    () => calls.removeUser({ user }),
    () => calls.createOwner({ name }),
    () => calls.removeOwner({ name }),
    () => calls.createToken({ id, user, hash, label: "", scopes: ["account"] }),
    () => calls.removeToken({ user, id }),
    () => calls.addUserKey({ id, user, key }),
    () => calls.removeUserKey({ user, id }),
    () => calls.addDeployKey({ id, repository, role: "read", key }),
    () => calls.removeDeployKey({ repository, id }),
    () => calls.setGrant({ user, target, role: pick(["read", "write", "admin"]) }),
    () => calls.removeGrant({ user, target }),
    () => calls.removeRepository({ repository }),
  ])();
}

Deno.test("any call that arrives again at any node changes nothing", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  try {
    await AccessStage.run((one) =>
      AccessStage.run(async (other) => {
        const random = new SeededRandom(11);
        const { calls, sent } = recording(one);
        await one.user("root", true);
        const drawn: DrawnIds = { users: [], records: [] };
        let doneCount = 0;
        for (let round = 0; round < 600; round++) {
          const sentCount = sent.length;
          await randomCall(calls, drawn, random).then(() => doneCount++, (error) => {
            assert.ok(error instanceof GitStratumError, "Only what callers are told");
            // What was refused did nothing, so it may still be done.
            sent.length = sentCount;
          });
          if (sent.length === 0) continue;
          const before = await recordsOf(one);
          // What was said a moment ago more often than what was said long ago.
          const age = Math.min(random.below(12), random.below(sent.length));
          const late = sent.at(-1 - (random.chance(0.3) ? random.below(sent.length) : age))!;
          const node = random.chance(0.5) ? one : other;
          await (await node.fetcher(late.clone())).body?.cancel();
          assert.deepEqual(await recordsOf(one), before, new URL(late.url).pathname);
        }
        assert.ok(doneCount > 60, `Only ${doneCount} calls did something`);
      }, { consensus, clock }), { consensus, clock });
  } finally {
    await consensus.close();
  }
});

Deno.test("removeUser() that broke off half-way is finished by the same request", async () => {
  const clock = new ManualClock(STAGE_NOW_MS);
  const consensus = new MemoryConsensus({ clock, random: systemRandom });
  const transact = consensus.transact.bind(consensus);
  let transactionsLeft = Infinity;
  consensus.transact = (transaction) => {
    if (transactionsLeft-- > 0) return transact(transaction);
    return Promise.reject(new GitStratumError("unavailable", "Break off"));
  };
  try {
    await AccessStage.run(async (stage) => {
      const { calls, sent } = recording(stage);
      const { id: user } = await stage.user("alice");
      for (let number = 0; number < 130; number++) {
        const target = { on: "repository", repository: repositoryOf(number) } as const;
        await stage.node.access.setGrant({ user, target, role: "read" });
      }
      transactionsLeft = 1;
      await assert.rejects(calls.removeUser({ user }));
      assert.equal(stage.node.view.userById(user)?.disabled, true);
      transactionsLeft = Infinity;
      assert.equal((await stage.fetcher(sent.at(-1)!)).status, 200);
      assert.deepEqual(await recordsOf(stage), []);
    }, { consensus, clock });
  } finally {
    await consensus.close();
  }
});

Deno.test("untouchedSince() refuses who shares a mark with what was removed, and the next try succeeds", () =>
  AccessStage.run(async (stage) => {
    const { calls, sent } = recording(stage);
    const { id: user } = await stage.user("alice", true);
    const record = await stage.client.makeToken({ user, label: "", scopes: ["account"] });
    const mark = removalMark(`access/records/token/${record.record.id}`);
    let twin = stage.id();
    while (removalMark(`access/records/token/${twin}`) !== mark) twin = stage.id();
    const token = { id: twin, user, hash: TOKEN_HASH, label: "", scopes: ["account"] } as const;
    await calls.createToken(token);
    await calls.removeToken({ user, id: twin });
    await calls.removeToken({ user, id: record.record.id });
    const late = sent.find(({ url }) => url.includes("createToken"))!;
    const response = await stage.fetcher(late);
    assert.equal(response.status, 409);
    assert.equal((await response.json()).code, "conflict");
    await calls.createToken(token);
    const { entries } = await stage.consensus.range(prefixRange("gone/"));
    assert.equal(entries.length, 1, "both left one mark");
  }));

Deno.test("createToken() without a basis is made as by nodes of the release before", () =>
  AccessStage.run(async (stage) => {
    const { id: user } = await stage.user("alice", true);
    const { access } = stage.node;
    const token = { id: ID, user, hash: TOKEN_HASH, label: "", scopes: ["account"] } as const;
    await access.createToken(token);
    await access.removeToken({ user, id: ID });
    await access.createToken(token);
    assert.equal((await access.listTokens({ user })).records.length, 1);
  }));

Deno.test("every call that changes something has its story", () => {
  const told = new Set(STORIES.map(({ call }) => call));
  const silent = Object.keys(ACCESS_CALLS).filter((name) => !/^(find|list)/.test(name));
  assert.deepEqual([...told].sort(), silent.sort());
});
