/**
 * Random pushes, one after the other, to git's own server and to GitStratum.
 *
 * `GITSTRATUM_ORACLE_SEEDS=n` runs n repositories instead of the few of the gate;
 * `GITSTRATUM_ORACLE_SEED=s` runs one again, from its first push, as each builds on the ones before.
 */

import assert from "node:assert/strict";
import { assertSound } from "../harness/compare.ts";
import { git, gitText } from "../harness/git.ts";
import { SeededRandom } from "../harness/seeded_random.ts";
import { comparePush, type PushFinding } from "./compare_push.ts";
import { ALLOWED_PUSH_DIFFERENCES } from "./differences.ts";
import { OracleServers } from "./fetch_world.ts";
import { OracleFailures } from "./oracle_failures.ts";
import { oracleRuns } from "./oracle_runs.ts";
import { readPushAnswer } from "./push_answer.ts";
import { drawPush, pushBody, type PushCase, type PushMaterial } from "./push_case.ts";
import { makePushWorld } from "./push_world.ts";

const PUSHES_PER_SEED = 40;

async function send(url: string, body: Uint8Array<ArrayBuffer>, pushCase: PushCase) {
  const response = await fetch(`${url}/git-receive-pack`, {
    method: "POST",
    headers: { "content-type": "application/x-git-receive-pack-request" },
    body,
  });
  const sideBand = pushCase.flags.includes("side-band-64k");
  return await readPushAnswer(response, { sideBand });
}

async function referencesOf(url: string): Promise<Map<string, string>> {
  const listed = await gitText(["ls-remote", "--refs", url]);
  const rows = listed.split("\n").filter((row) => row !== "").map((row) => row.split("\t"));
  return new Map(rows.map(([oid, name]) => [name!, oid!]));
}

class PushRun {
  readonly #servers: OracleServers;
  readonly #name: string;
  readonly #material: PushMaterial;
  #present: ReadonlyMap<string, string> = new Map();

  constructor(servers: OracleServers, name: string, material: PushMaterial) {
    this.#servers = servers;
    this.#name = name;
    this.#material = material;
  }

  /** Whether the references still are the same: after that every push is another push. */
  isSame = true;

  /** The differences of one push that nothing allows, as text. */
  async push(seed: number): Promise<string[]> {
    const pushCase = drawPush(new SeededRandom(seed), this.#material, this.#present);
    const body = await pushBody(pushCase, this.#material, this.#present);
    const [gitUrl, ourUrl] = [
      this.#servers.git.url(this.#name),
      this.#servers.ours.url(this.#name),
    ];
    const [gits, ours] = await Promise.all([
      send(gitUrl, body, pushCase),
      send(ourUrl, body, pushCase),
    ]);
    const answers = { git: gits, ours };
    const findings: PushFinding[] = comparePush(answers);
    findings.push(...await this.#compareReferences(gitUrl, ourUrl));
    return findings
      .filter((finding) =>
        !ALLOWED_PUSH_DIFFERENCES.some((allowed) => allowed.covers(finding, pushCase, answers))
      )
      .map(({ kind, detail }) => `${kind}\n${detail}\n${JSON.stringify(pushCase)}`);
  }

  async #compareReferences(gitUrl: string, ourUrl: string): Promise<PushFinding[]> {
    const [wanted, found] = await Promise.all([referencesOf(gitUrl), referencesOf(ourUrl)]);
    this.#present = wanted;
    try {
      assert.deepEqual(found, wanted);
      return [];
    } catch (error) {
      this.isSame = false;
      return [{ kind: "references", detail: (error as Error).message }];
    }
  }
}

Deno.test("random pushes are answered as git's own server does", async () => {
  await using servers = await OracleServers.start();
  const failures = new OracleFailures();
  for (const { seed } of oracleRuns({ seeds: 3, cases: 1 })) {
    const { name, material } = await makePushWorld(servers, seed);
    const run = new PushRun(servers, name, material);
    for (let each = 0; each < PUSHES_PER_SEED && run.isSame; each++) {
      const found = await run.push(seed * 1000 + each);
      failures.add(found.map((text) => `GITSTRATUM_ORACLE_SEED=${seed} push ${each}: ${text}`));
    }
    const copy = servers.temp.join(`copy-${seed}.git`);
    await git(["clone", "-q", "--mirror", servers.ours.url(name), copy]);
    await git(["-C", copy, "config", "fsck.zeroPaddedFilemode", "ignore"]);
    await git(["-C", copy, "config", "fsck.badTimezone", "ignore"]);
    await git(["-C", copy, "config", "fsck.missingSpaceBeforeDate", "ignore"]);
    await assertSound(copy);
    await servers.remove(name);
    failures.seedDone(seed);
  }
  failures.assertNone();
});
