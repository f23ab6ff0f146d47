/**
 * `ls-refs` with a prefix that few of very many references have, and whether its cost depends on how
 * many others there are.
 *
 * @module
 */

import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import { parseReferences } from "../load/clone.ts";
import { exchange, parseAnswer, requireOk } from "../load/http_exchange.ts";
import { KeepAliveConnection } from "../load/keep_alive_connection.ts";
import { PUSH_HEADERS, requirePushed } from "../load/push_request.ts";
import { listRequest } from "../load/upload_requests.ts";
import { ratioAtMost, valueAtMost } from "../results/row.ts";
import { type Address, percentile } from "../servers/metered_server.ts";
import { MeteredGitStratum } from "../servers/metered_gitstratum.ts";
import { createCommands, headCommit, type Source } from "../sources/source.ts";
import { initServed, writePackedReferences } from "../stage.ts";
import { git } from "../../tests/harness/git.ts";
import { joinBytes } from "../../tests/harness/raw_pack.ts";
import { verify } from "../verify.ts";

/** Few references, for the comparison: a thousandth of the many. */
const FEW_DIVISOR = 1000;
const MATCHES = 10;
const PREFIX = "refs/heads/team-0000/";

/** Branches of many teams, ten each. */
function manyReferences(count: number, commit: string): Map<string, string> {
  const references = new Map<string, string>();
  for (let number = 0; number < Math.max(count, MATCHES); number++) {
    const team = Math.floor(number / MATCHES).toString().padStart(4, "0");
    references.set(`refs/heads/team-${team}/topic-${number}`, commit);
  }
  return references;
}

/**
 * Milliseconds of each listing, by path. The paths take turns: a process becomes faster with what it
 * has done, and whoever came second would profit.
 */
async function listEach(
  target: { readonly address: Address; readonly paths: readonly string[] },
  samples: number,
): Promise<number[][]> {
  using connection = new KeepAliveConnection(target.address);
  const times = target.paths.map((): number[] => []);
  // The first listing opens databases and files.
  for (let number = 0; number <= samples; number++) {
    for (const [index, path] of target.paths.entries()) {
      const request = listRequest(path, [PREFIX]);
      const begin = performance.now();
      const answer = requireOk(await connection.send(request));
      times[index]!.push(performance.now() - begin);
      verify(parseReferences(answer.body).size === MATCHES, "references of a listing");
    }
  }
  return times.map((each) => each.slice(1));
}

async function pushReferences(
  server: MeteredGitStratum,
  repository: string,
  parts: { readonly references: Map<string, string>; readonly packFile: string },
): Promise<void> {
  await server.createRepository(repository, "main");
  const body = joinBytes(createCommands(parts.references), await Deno.readFile(parts.packFile));
  const answer = await exchange(server.address, {
    method: "POST",
    path: `${server.path(repository)}/git-receive-pack`,
    headers: PUSH_HEADERS,
    body,
  });
  requirePushed(parseAnswer(answer), parts.references.size);
}

async function gitWithReferences(
  context: BenchContext,
  source: Source,
  references: Map<string, string>,
): Promise<number[] | undefined> {
  const web = await context.stage.web();
  if (web === undefined) return undefined;
  const directory = web.directory("plain/many-references");
  await initServed(directory, "main");
  await git(["-C", directory, "fetch", "-q", source.path, headCommit(source)]);
  await writePackedReferences(directory, references);
  const target = { address: web.address, paths: [web.barePath("plain/many-references")] };
  return (await listEach(target, context.sizes.samples))[0];
}

async function compare(context: BenchContext, source: Source): Promise<void> {
  const { references, samples } = context.sizes;
  const commit = headCommit(source);
  const many = manyReferences(references, commit);
  const few = manyReferences(Math.ceil(references / FEW_DIVISOR), commit);
  await using server = await MeteredGitStratum.start(`${context.stage.directory}/ours-references`);
  const { packFile } = source;
  await pushReferences(server, "bench/many", { references: many, packFile });
  await pushReferences(server, "bench/few", { references: few, packFile });
  const paths = ["bench/many", "bench/few"].map((name) => server.path(name));
  const listed = await listEach({ address: server.address, paths }, samples);
  const [ours, oursFew] = listed.map((times) => percentile(times, 0.5)) as [number, number];
  const peer = await gitWithReferences(context, source, many);
  const rows = new RowWriter(context, {
    benchmark: listReferencesAmongMany.name,
    repository: `${references} references`,
  });
  const shared = { unit: "ms", ours } as const;
  rows.add("p50", {
    ...shared,
    peer: ["git http-backend, packed-refs", peer && percentile(peer, 0.5)],
    target: valueAtMost(10),
  });
  rows.add("p50 among many", {
    ...shared,
    peer: [`GitStratum, ${few.size} references`, oursFew],
    target: ratioAtMost(1.5),
  });
}

/** See the module's text. */
export const listReferencesAmongMany: Benchmark = {
  name: "list-references",
  title: "Listing of few references among very many",
  async run(context) {
    const [source] = await context.stage.sources();
    await compare(context, source!);
  },
};
