/**
 * Malformed requests and packs to git's own server and to GitStratum: who takes what, and how the
 * rest is refused.
 *
 * `GITSTRATUM_ORACLE_SEEDS=n` runs n repositories instead of the few of the gate;
 * `GITSTRATUM_ORACLE_SEED=s[:case]` runs one again (pushes from the first on, as they build on others).
 */

import assert from "node:assert/strict";
import { git, gitText } from "../harness/git.ts";
import { NO_OBJECT, pushBody as rawPush } from "../harness/raw_pack.ts";
import { SeededRandom } from "../harness/seeded_random.ts";
import { assertSound } from "../harness/compare.ts";
import { compareMalformed, type MalformedFinding } from "./compare_malformed.ts";
import { comparePush, type PushFinding } from "./compare_push.ts";
import type { FetchAnswers } from "./compare_fetch.ts";
import { ALLOWED_FETCH_DIFFERENCES, ALLOWED_PUSH_DIFFERENCES } from "./differences.ts";
import {
  ALLOWED_MALFORMED_DIFFERENCES,
  type MalformedFacts,
  once,
} from "./malformed_differences.ts";
import { readFetchAnswer } from "./fetch_answer.ts";
import { drawFetch, fetchBody, type FetchCase } from "./fetch_case.ts";
import { makeFetchWorld, OracleServers } from "./fetch_world.ts";
import { drawPack } from "./malformed_pack.ts";
import { mutated } from "./mutation.ts";
import { OracleFailures } from "./oracle_failures.ts";
import { oracleRuns } from "./oracle_runs.ts";
import { readPushAnswer } from "./push_answer.ts";
import { drawPush, pushBody, type PushCase } from "./push_case.ts";
import { makePushWorld } from "./push_world.ts";

const CASES_PER_SEED = 40;

function post(url: string, service: string, options: {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly version?: number;
  readonly requestId?: string;
}): Promise<Response> {
  const { body, version = 0, requestId } = options;
  return fetch(`${url}/${service}`, {
    method: "POST",
    headers: {
      "content-type": `application/x-${service}-request`,
      ...(version === 0 ? {} : { "git-protocol": `version=${version}` }),
      ...(requestId === undefined ? {} : { "x-request-id": requestId }),
    },
    body,
  });
}

/** The answers of both to one fetch. */
async function askBoth(
  servers: OracleServers,
  name: string,
  options: { readonly fetchCase: FetchCase; readonly body: Uint8Array<ArrayBuffer> },
) {
  const { fetchCase: { version, flags }, body } = options;
  const sidebandAll = version === 2 && flags.includes("sideband-all");
  const requestId = crypto.randomUUID();
  const ask = async (url: string) =>
    await readFetchAnswer(await post(url, "git-upload-pack", { body, version, requestId }), {
      sidebandAll,
    });
  const [git, ours] = await Promise.all([ask(servers.git.url(name)), ask(servers.ours.url(name))]);
  return { git, ours, gitExit: await servers.git.exitOf(requestId) };
}

/** Findings that no written difference covers, as text. */
function unlisted(findings: readonly MalformedFinding[], facts: MalformedFacts): string[] {
  return findings
    .filter((finding) =>
      !ALLOWED_MALFORMED_DIFFERENCES.some(({ covers }) => covers(finding, facts))
    )
    .map(({ kind, detail }) => `${kind}\n${detail}`);
}

/** Whether the lines may differ in the same way when nothing is wrong with the request. */
function isAllowedInSound(
  { kind, detail }: MalformedFinding,
  fetchCase: FetchCase,
  answers: FetchAnswers,
): boolean {
  const git = { ...answers.git, lines: once(answers.git.lines) };
  const ours = { ...answers.ours, lines: once(answers.ours.lines) };
  return kind === "lines" &&
    ALLOWED_FETCH_DIFFERENCES.some((allowed) =>
      allowed.covers({ kind, detail }, fetchCase, { git, ours })
    );
}

Deno.test("malformed fetches are refused as git's own server refuses them", async () => {
  await using servers = await OracleServers.start();
  const failures = new OracleFailures();
  for (const { seed, cases } of oracleRuns({ seeds: 2, cases: CASES_PER_SEED })) {
    const world = await makeFetchWorld(servers, seed);
    for (const each of cases) {
      const random = new SeededRandom(seed * 1000 + each);
      const fetchCase = { ...drawFetch(random, world.material), oddities: [] };
      const request = new TextEncoder().encode(fetchBody(fetchCase));
      const { bytes, what, traits } = mutated(request, random);
      const { version } = fetchCase;
      const answers = await askBoth(servers, world.name, { fetchCase, body: bytes });
      const findings = compareMalformed(answers)
        .filter((finding) => !isAllowedInSound(finding, fetchCase, answers));
      const found = unlisted(findings, { traits, version, isPush: false });
      failures.add(
        found.map((text) =>
          `GITSTRATUM_ORACLE_SEED=${seed}:${each} ${text}\nversion ${version}; ${what.join("; ")}`
        ),
      );
    }
    await servers.remove(world.name);
    failures.seedDone(seed);
  }
  failures.assertNone();
});

async function referencesOf(url: string): Promise<Map<string, string>> {
  const listed = await gitText(["ls-remote", "--refs", url]);
  const rows = listed.split("\n").filter((row) => row !== "").map((row) => row.split("\t"));
  return new Map(rows.map(([oid, name]) => [name!, oid!]));
}

interface SentPush {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly sideBand: boolean;
}

async function answersToPush(servers: OracleServers, name: string, { body, sideBand }: SentPush) {
  const urls = [servers.git.url(name), servers.ours.url(name)];
  const [git, ours] = await Promise.all(
    urls.map(async (url) =>
      await readPushAnswer(await post(url, "git-receive-pack", { body }), { sideBand })
    ),
  );
  return { answers: { git: git!, ours: ours! }, urls };
}

/** One push to both; what differs in the answers, and in the references afterwards. */
async function pushToBoth(
  servers: OracleServers,
  name: string,
  /** With the push before it was spoiled: what differs in sound pushes may differ here. */
  push: SentPush & { readonly pushCase: PushCase },
): Promise<{ findings: MalformedFinding[]; present: Map<string, string>; isSame: boolean }> {
  const { answers, urls } = await answersToPush(servers, name, push);
  const { unpack, results } = answers.ours;
  const isStricter = unpack !== "ok" || results.some(([, verdict]) => verdict !== "ok");
  const [present, others] = await Promise.all(urls.map(referencesOf));
  const isSame = JSON.stringify([...present!]) === JSON.stringify([...others!]);
  const detail = JSON.stringify({ git: [...present!], ours: [...others!] });
  const found: PushFinding[] = [
    ...comparePush(answers),
    ...(isSame ? [] : [{ kind: "references", detail } as const]),
  ];
  const findings: MalformedFinding[] = found
    .filter((finding) =>
      !ALLOWED_PUSH_DIFFERENCES.some((allowed) => allowed.covers(finding, push.pushCase, answers))
    )
    .map((finding) => ({ ...finding, isStricter }));
  return { findings, present: present!, isSame };
}

async function assertSoundCopy(servers: OracleServers, name: string): Promise<void> {
  const copy = servers.temp.join(`copy-${name.replaceAll("/", "-")}.git`);
  await git(["clone", "-q", "--mirror", servers.ours.url(name), copy]);
  for (const id of ["zeroPaddedFilemode", "badTimezone", "missingSpaceBeforeDate"]) {
    await git(["-C", copy, "config", `fsck.${id}`, "ignore"]);
  }
  await assertSound(copy);
}

Deno.test("malformed pushes are refused as git's own server refuses them", async () => {
  await using servers = await OracleServers.start();
  const failures = new OracleFailures();
  for (const { seed } of oracleRuns({ seeds: 2, cases: 1 })) {
    const { name, material } = await makePushWorld(servers, seed);
    let present: ReadonlyMap<string, string> = new Map();
    for (let each = 0; each < CASES_PER_SEED; each++) {
      const random = new SeededRandom(seed * 1000 + each);
      const drawn = drawPush(random, material, present);
      // The fault under test is the only one, and nothing builds on what another push left behind.
      const pushCase = { ...drawn, assumed: [], fault: "none" as const };
      const request = await pushBody(pushCase, material, present);
      const { bytes, what, traits } = mutated(request, random);
      const sideBand = pushCase.flags.includes("side-band-64k");
      const outcome = await pushToBoth(servers, name, { body: bytes, sideBand, pushCase });
      const facts = `${what.join("; ")}\n${JSON.stringify(pushCase)}`;
      failures.add(
        unlisted(outcome.findings, { traits, version: 0, isPush: true })
          .map((text) => `GITSTRATUM_ORACLE_SEED=${seed} push ${each}: ${text}\n${facts}`),
      );
      present = outcome.present;
      if (!outcome.isSame) break;
    }
    await assertSoundCopy(servers, name);
    await servers.remove(name);
    failures.seedDone(seed);
  }
  failures.assertNone();
});

Deno.test("malformed packs are refused as git's own server refuses them", async () => {
  await using servers = await OracleServers.start();
  const failures = new OracleFailures();
  for (const { seed } of oracleRuns({ seeds: 2, cases: 1 })) {
    const name = `oracle/packs-${seed}`;
    await servers.create(name, "sha1");
    const taken = new Map<string, string>();
    for (let each = 0; each < CASES_PER_SEED; each++) {
      const { bytes, tip, defect } = drawPack(new SeededRandom(seed * 1000 + each));
      const ref = `refs/heads/p${each}`;
      const body = rawPush({ ref, to: tip, from: NO_OBJECT }, bytes);
      const { answers } = await answersToPush(servers, name, { body, sideBand: true });
      failures.add(
        unlisted(comparePush(answers), { traits: new Set(), version: 0, isPush: true, defect })
          .map((text) => `GITSTRATUM_ORACLE_SEED=${seed} pack ${each}: ${text}\n${defect}`),
      );
      if (answers.ours.results.some(([, verdict]) => verdict === "ok")) taken.set(ref, tip);
    }
    const shown = await referencesOf(servers.ours.url(name));
    assert.deepEqual(shown, new Map([...taken].sort(([a], [b]) => a < b ? -1 : 1)));
    await assertSoundCopy(servers, name);
    await servers.remove(name);
    failures.seedDone(seed);
  }
  failures.assertNone();
});
