/**
 * Random fetches to git's own server and to GitStratum.
 *
 * `GITSTRATUM_ORACLE_SEEDS=n` runs n repositories instead of the few of the gate;
 * `GITSTRATUM_ORACLE_SEED=s[:case]` runs one again.
 */

import { SeededRandom } from "../harness/seeded_random.ts";
import { compareFetch } from "./compare_fetch.ts";
import { ALLOWED_FETCH_DIFFERENCES } from "./differences.ts";
import { readFetchAnswer } from "./fetch_answer.ts";
import { drawFetch, fetchBody, type FetchCase } from "./fetch_case.ts";
import { type FetchWorld, makeFetchWorld, OracleServers } from "./fetch_world.ts";
import { ObjectSets } from "./object_sets.ts";
import { OracleFailures } from "./oracle_failures.ts";
import { oracleRuns } from "./oracle_runs.ts";

const CASES_PER_SEED = 40;
/** A thin pack whose deltas clients could not put together. */
const KEPT = [{ seed: 6, cases: [2] }];

async function ask(url: string, fetchCase: FetchCase) {
  const response = await fetch(`${url}/git-upload-pack`, {
    method: "POST",
    headers: {
      "content-type": "application/x-git-upload-pack-request",
      ...(fetchCase.version === 0 ? {} : { "git-protocol": `version=${fetchCase.version}` }),
    },
    body: fetchBody(fetchCase),
  });
  const sidebandAll = fetchCase.version === 2 && fetchCase.flags.includes("sideband-all");
  return await readFetchAnswer(response, { sidebandAll });
}

/** The differences of one case that nothing allows, as text. */
async function judge(
  servers: OracleServers,
  world: FetchWorld,
  sets: ObjectSets,
  seed: number,
): Promise<string[]> {
  const fetchCase = drawFetch(new SeededRandom(seed), world.material);
  const [git, ours] = await Promise.all([
    ask(servers.git.url(world.name), fetchCase),
    ask(servers.ours.url(world.name), fetchCase),
  ]);
  const answers = { git, ours };
  const findings = await compareFetch(fetchCase, answers, {
    sets,
    material: world.material,
  });
  return findings
    .filter((finding) =>
      !ALLOWED_FETCH_DIFFERENCES.some((allowed) => allowed.covers(finding, fetchCase, answers))
    )
    .map(({ kind, detail }) => `${kind}\n${detail}\n${JSON.stringify(fetchCase)}`);
}

Deno.test("random fetches are answered as git's own server does", async () => {
  await using servers = await OracleServers.start();
  const failures = new OracleFailures();
  for (const { seed, cases } of oracleRuns({ seeds: 3, cases: CASES_PER_SEED, kept: KEPT })) {
    const world = await makeFetchWorld(servers, seed);
    const { directory, material: { objectFormat } } = world;
    const sets = await ObjectSets.create(servers.temp.join(`sets-${seed}`), {
      directory,
      objectFormat,
    });
    for (const each of cases) {
      const found = await judge(servers, world, sets, seed * 1000 + each);
      failures.add(
        found.map((text) => `GITSTRATUM_ORACLE_SEED=${seed}:${each} (${world.name}) ${text}`),
      );
    }
    await servers.remove(world.name);
    failures.seedDone(seed);
  }
  failures.assertNone();
});
