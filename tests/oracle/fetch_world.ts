/**
 * One random repository on both servers: git's own and GitStratum.
 *
 * @module
 */

import { git, gitText } from "../harness/git.ts";
import { GitHttpBackendServer } from "../harness/git_http_backend.ts";
import { GitStratumServer } from "../harness/gitstratum_server.ts";
import { fastImport, generateHistory } from "../harness/history.ts";
import { SeededRandom } from "../harness/seeded_random.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../harness/temp.ts";
import type { FetchMaterial } from "./fetch_case.ts";

/** Both servers, started once. */
export class OracleServers implements AsyncDisposable {
  readonly git: GitHttpBackendServer;
  readonly ours: GitStratumServer;
  readonly temp: TemporaryDirectory;

  private constructor(
    gitServer: GitHttpBackendServer,
    ours: GitStratumServer,
    temp: TemporaryDirectory,
  ) {
    this.git = gitServer;
    this.ours = ours;
    this.temp = temp;
  }

  /** Starts both. */
  static async start(): Promise<OracleServers> {
    const [gitServer, ours, temp] = await Promise.all([
      GitHttpBackendServer.start(),
      GitStratumServer.start(),
      temporaryDirectory(),
    ]);
    return new OracleServers(gitServer, ours, temp);
  }

  /** Makes an empty repository on both. */
  async create(name: string, objectFormat: "sha1" | "sha256"): Promise<void> {
    await this.git.createRepository(name, { objectFormat });
    await this.ours.createRepository(name, { objectFormat });
    for (const [setting, value] of Object.entries(ORACLE_SETTINGS)) {
      await git(["-C", this.git.path(name), "config", setting, value]);
    }
  }

  /** Hides references by the beginning of their names, on both. */
  async hide(name: string, pattern: string): Promise<void> {
    await git(["-C", this.git.path(name), "config", "transfer.hideRefs", pattern]);
    const answer = await fetch(`${this.ours.origin}/api/v1/repos/${name}`, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ settings: { hiddenReferences: [pattern] } }),
    });
    await answer.body?.cancel();
    if (answer.status !== 200) throw new Error(`Hiding ${pattern} answered ${answer.status}`);
  }

  /** Deletes a repository on both. */
  async remove(name: string): Promise<void> {
    await Deno.remove(this.git.path(name), { recursive: true });
    const answer = await fetch(`${this.ours.origin}/api/v1/repos/${name}`, { method: "DELETE" });
    await answer.body?.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.git[Symbol.asyncDispose]();
    await this.ours[Symbol.asyncDispose]();
    await this.temp[Symbol.asyncDispose]();
  }
}

/** What GitStratum always does, and git only when told to. */
const ORACLE_SETTINGS: Readonly<Record<string, string>> = {
  "uploadpack.allowTipSHA1InWant": "true",
  "uploadpack.allowAnySHA1InWant": "true",
  "uploadpack.allowRefInWant": "true",
  "uploadpack.allowSidebandAll": "true",
  "receive.advertisePushOptions": "true",
  "receive.unpackLimit": "1",
  "receive.denyDeleteCurrent": "refuse",
  "gc.auto": "0",
};

/** A repository that both servers hold. */
export interface FetchWorld {
  readonly name: string;
  /** The bare repository of git's server. */
  readonly directory: string;
  readonly material: FetchMaterial;
}

/** Generates a history and pushes it to both servers, to GitStratum in several pushes. */
export async function makeFetchWorld(servers: OracleServers, seed: number): Promise<FetchWorld> {
  const random = new SeededRandom(seed);
  const objectFormat = random.below(3) === 0 ? "sha256" : "sha1";
  const name = `oracle/fetch-${seed}`;
  const source = servers.temp.join(`fetch-${seed}.git`);
  const commits = 20 + random.below(60);
  await generateHistory(source, { seed, commits, files: 12, objectFormat });
  await addSparsePatterns(source);
  await servers.create(name, objectFormat);
  await git(["-C", source, "push", "-q", "--mirror", servers.git.url(name)]);
  await pushInSteps(source, servers.ours.url(name), random);
  await Deno.remove(source, { recursive: true });
  const directory = servers.git.path(name);
  return { name, directory, material: await materialOf(directory, objectFormat) };
}

async function addSparsePatterns(source: string): Promise<void> {
  const patterns = ["dir1/\n", "/dir2/*\n!/dir2/sub1/\n", "*.txt\n!file3.txt\n"];
  const files = patterns.map((text, at) =>
    `M 100644 inline patterns/p${at}\ndata ${text.length}\n${text}\n`
  );
  const head = "commit refs/heads/patterns\ncommitter C <c@example.com> 1600000001 +0000\n";
  await fastImport(source, `${head}data 1\np\n${files.join("")}\n`);
}

/** A few commits first, so that the objects lie in several groups, then everything. */
async function pushInSteps(source: string, url: string, random: SeededRandom): Promise<void> {
  const history = await lines(source, ["rev-list", "--reverse", "--topo-order", "main"]);
  const steps = Array.from({ length: random.below(5) }, () => random.below(history.length));
  for (const [at, step] of [...new Set(steps)].sort((a, b) => a - b).entries()) {
    const target = random.below(2) === 0 ? "main" : `step-${at}`;
    const refspec = `+${history[step]}:refs/heads/${target}`;
    await git(["-C", source, "push", "-q", url, refspec]);
  }
  await git(["-C", source, "push", "-q", "--mirror", url]);
}

async function lines(directory: string, args: readonly string[]): Promise<string[]> {
  return (await gitText(["-C", directory, ...args])).split("\n").filter((each) => each !== "");
}

/** Annotated tags with what they peel to; a nested one's inner tag is a reference as well. */
async function tagTargets(directory: string): Promise<[string, string][]> {
  const tags = await lines(directory, ["for-each-ref", "--format=%(objectname)", "refs/tags"]);
  const peeled = await lines(directory, ["rev-parse", ...tags.map((oid) => `${oid}^{}`)]);
  const pairs = tags.map((oid, at): [string, string] => [oid, peeled[at]!]);
  return pairs.filter(([oid, target]) => oid !== target);
}

async function materialOf(
  directory: string,
  objectFormat: "sha1" | "sha256",
): Promise<FetchMaterial> {
  const references = await lines(directory, [
    "for-each-ref",
    "--format=%(refname) %(objectname)",
  ]);
  const graph = (await lines(directory, ["rev-list", "--all", "--parents"]))
    .map((each) => each.split(" "));
  const commits = graph.map(([oid]) => oid!);
  const isCommit = new Set(commits);
  const objects = await lines(directory, ["rev-list", "--objects", "--all"]);
  const times = (await lines(directory, ["log", "--all", "--format=%ct"])).map(Number);
  const tips = references.map((each) => each.split(" ")[1]!);
  return {
    objectFormat,
    tips: [...new Set(tips)],
    commits,
    tags: new Map(await tagTargets(directory)),
    parents: new Map(graph.map(([oid, ...parents]) => [oid!, parents])),
    others: objects.map((each) => each.split(" ")[0]!)
      .filter((oid) => !isCommit.has(oid) && !tips.includes(oid)),
    references: references.map((each) => each.split(" ")[0]!),
    sparse: await lines(directory, [
      "rev-parse",
      ...[0, 1, 2].map((at) => `refs/heads/patterns:patterns/p${at}`),
    ]),
    timesS: [Math.min(...times), Math.max(...times)],
  };
}
