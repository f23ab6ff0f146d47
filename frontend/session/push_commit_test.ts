import { deepEqual, equal, rejects } from "node:assert/strict";
import { GitStratumError, ManualClock, systemRandom } from "@gitstratum/core";
import { type Oid, zeroOid } from "@gitstratum/core/git";
import type { PushCommands } from "@gitstratum/core/protocol";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type PackGroup,
  type PushRequest,
  type PushResult,
  type RepositoryId,
  type RepositoryInfo,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import { unguardedAsker } from "../access/asker.ts";
import {
  PushCommit,
  type PushCommitOptions,
  type PushJudgement,
  type StoredPack,
} from "./push_commit.ts";
import type { SessionCaller } from "./session.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const MAIN = "refs/heads/main";
const PUSH = {
  commands: [{ name: MAIN, oldOid: zeroOid("sha1"), newOid: A }],
  atomic: false,
  pushOptions: [],
  capabilities: new Map(),
} as unknown as PushCommands;
const INDEX = new Uint8Array(1);
const TOLD = { name: "acme/thing" as RepositoryName, version: "1" };

function repositoryOf(name: string): RepositoryInfo {
  return {
    name,
    repositoryId: "1".repeat(32) as RepositoryId,
    objectFormat: "sha1",
    settings: DEFAULT_REPOSITORY_SETTINGS,
  } as unknown as RepositoryInfo;
}

const DONE: PushResult = { results: [{ name: MAIN }] };
const unsupported = new GitStratumError("unsupported", "Read a push of another version");

/** Runs a commit against nodes that answer in turn; what they were asked and what came of it. */
async function run(
  answers: readonly (PushResult | GitStratumError)[],
  options: {
    readonly judgement?: PushJudgement;
    readonly compare?: (oids: readonly Oid[]) => Promise<void>;
    readonly policy?: PushCommitOptions["policy"];
  } = {},
) {
  const asked: PushRequest[] = [];
  const compared: (readonly Oid[])[] = [];
  const judged: string[] = [];
  const left = [...answers];
  const parts = {
    metadata: {
      push(_: unknown, request: PushRequest) {
        asked.push(request);
        const answer = left.shift()!;
        return answer instanceof GitStratumError ? Promise.reject(answer) : Promise.resolve(answer);
      },
    },
    access: {
      pusher: () => ({ role: "write" }),
      judgedAnew(before: RepositoryInfo) {
        judged.push(before.name);
        return Promise.resolve(repositoryOf("acme/moved"));
      },
    },
    signatures: {
      decided: (ask: (request: PushRequest) => Promise<PushResult>, request: PushRequest) =>
        ask(request),
    },
    clock: new ManualClock(1000),
    random: systemRandom,
    policy: options.policy,
  } as unknown as PushCommitOptions;
  const conversation = { transport: "http", asker: unguardedAsker() };
  const commit = new PushCommit(parts, PUSH, conversation as unknown as SessionCaller);
  const pack: StoredPack = {
    group: { groupId: "g" } as unknown as PackGroup,
    index: INDEX,
    storedAfterMs: 5,
    comparison: {
      oids: [A, B],
      async compare(oids) {
        compared.push(oids);
        await options.compare?.(oids);
      },
    },
  };
  const { judgement = { repository: repositoryOf("acme/thing"), judged: TOLD } } = options;
  const outcome = await commit.run(judgement, pack);
  equal(left.length, 0);
  return { outcome, asked, compared, judged };
}

const conditionsOf = (requests: readonly PushRequest[]) =>
  requests.map(({ judged, uncompared }) => [judged?.version, uncompared]);

Deno.test("PushCommit.run() puts off what mostly does not matter", async () => {
  const { outcome, asked, compared, judged } = await run([DONE]);
  deepEqual(outcome, { results: [{ name: MAIN }] });
  deepEqual(conditionsOf(asked), [["1", true]]);
  deepEqual(asked[0]!.freshIndex, { bytes: INDEX, storedAfterMs: 5 });
  deepEqual([compared, judged], [[], []]);
});

Deno.test("PushCommit.run() compares what is known, once, under the same push id", async () => {
  const { outcome, asked, compared } = await run([{ results: [], known: [B] }, DONE]);
  deepEqual(outcome, { results: [{ name: MAIN }] });
  deepEqual(compared, [[B]]);
  deepEqual(conditionsOf(asked), [["1", true], ["1", undefined]]);
  equal(new Set(asked.map(({ pushId }) => pushId)).size, 1);
});

Deno.test("PushCommit.run() reports a collision as a pack that is refused", async () => {
  const compare = () => Promise.reject(new GitStratumError("invalid", "Reject a hash collision"));
  const { outcome } = await run([{ results: [], known: [B] }], { compare });
  deepEqual(outcome, {
    unpackError: "Reject a hash collision",
    results: [{ name: MAIN, rejected: "unpacker error" }],
  });
  const lost = new GitStratumError("unavailable", "Reach nobody");
  const broken = run([{ results: [], known: [B] }], { compare: () => Promise.reject(lost) });
  await rejects(broken, { code: "unavailable" });
});

Deno.test("PushCommit.run() judges a push anew that was judged by something out of date", async () => {
  const policyAsked: string[] = [];
  const policy: PushCommitOptions["policy"] = {
    ask({ repository }) {
      policyAsked.push(repository.name);
      return Promise.resolve({ allowed: true });
    },
  };
  const outdated: PushResult = { results: [], outdated: true };
  const gone = new GitStratumError("not-found", "Find no such repository");
  for (const first of [outdated, gone]) {
    policyAsked.length = 0;
    const { outcome, asked, judged } = await run([first, DONE], { policy });
    deepEqual(outcome, { results: [{ name: MAIN }] });
    deepEqual(conditionsOf(asked), [["1", true], [undefined, true]]);
    deepEqual(judged, ["acme/thing"]);
    deepEqual(policyAsked, ["acme/thing", "acme/moved"]);
    equal(new Set(asked.map(({ pushId }) => pushId)).size, 2, "the first one is refused for good");
  }
});

Deno.test("PushCommit.run() does all that was put off before a node of the release before commits", async () => {
  const { outcome, asked, compared, judged } = await run([unsupported, DONE]);
  deepEqual(outcome, { results: [{ name: MAIN }] });
  deepEqual(conditionsOf(asked), [["1", true], [undefined, undefined]]);
  deepEqual([compared, judged], [[[A, B]], ["acme/thing"]]);
});

Deno.test("PushCommit.run() reports that a repository is gone which was looked up for the push", async () => {
  const gone = new GitStratumError("not-found", "Find no such repository");
  const judgement = { repository: repositoryOf("acme/thing") };
  const { outcome, judged } = await run([gone], { judgement });
  deepEqual(outcome, { results: [{ name: MAIN, rejected: "Find no such repository" }] });
  deepEqual(judged, []);
});
