/**
 * Fetches of one new commit from a large repository: push a commit, fetch it, again and again.
 *
 * @module
 */

import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import { requireOk } from "../load/http_exchange.ts";
import { KeepAliveConnection } from "../load/keep_alive_connection.ts";
import { readPackAnswer } from "../load/pack_answer.ts";
import {
  type PreparedPush,
  preparePushes,
  pushRequest,
  requirePushed,
} from "../load/push_request.ts";
import { fetchRequest } from "../load/upload_requests.ts";
import { ratioAtMost, valueAtMost } from "../results/row.ts";
import { type Address, percentile } from "../servers/metered_server.ts";
import { headCommit, type Source } from "../sources/source.ts";
import { rootTree } from "./root_tree.ts";
import { verify } from "../verify.ts";

/** Commit, tree and blob. */
const OBJECTS_OF_A_PUSH = 3;

interface Target {
  readonly address: Address;
  readonly path: string;
}

/** Milliseconds of each fetch. */
async function fetchEach(
  target: Target,
  pushes: readonly PreparedPush[],
  start: string,
): Promise<number[]> {
  using connection = new KeepAliveConnection(target.address);
  const times: number[] = [];
  let have = start;
  for (const push of pushes) {
    requirePushed(await connection.send(pushRequest(target.path, push)));
    const request = fetchRequest(target.path, { wants: [push.commit], haves: [have] });
    const begin = performance.now();
    const answer = requireOk(await connection.send(request));
    times.push(performance.now() - begin);
    verify(readPackAnswer(answer.body).objectCount === OBJECTS_OF_A_PUSH, "objects of a fetch");
    have = push.commit;
  }
  return times;
}

async function fetchFrom(context: BenchContext, source: Source): Promise<void> {
  const start = headCommit(source);
  const pushes = preparePushes({ parent: start, tree: await rootTree(source) }, {
    reference: `refs/heads/bench-fetch`,
    count: context.sizes.samples,
    label: "fetch",
  });
  const { server, path } = await context.stage.startOurs(source);
  await using _ = server;
  const ours = await fetchEach({ address: server.address, path }, pushes, start);
  const web = await context.stage.web();
  const peer = web === undefined ? undefined : await fetchEach(
    {
      address: web.address,
      path: web.barePath((await context.stage.git(source)).plain),
    },
    pushes,
    start,
  );
  const rows = new RowWriter(context, { benchmark: fetchOne.name, repository: source.label });
  rows.add("p50", {
    unit: "ms",
    ours: percentile(ours, 0.5),
    peer: ["git http-backend, plain", peer && percentile(peer, 0.5)],
    target: valueAtMost(10),
  });
  rows.add("p50 against git's", {
    unit: "ms",
    ours: percentile(ours, 0.5),
    peer: ["git http-backend, plain", peer && percentile(peer, 0.5)],
    target: ratioAtMost(0.5),
  });
}

/** See the module's text. */
export const fetchOne: Benchmark = {
  name: "fetch-one",
  title: "Fetch after one new commit",
  async run(context) {
    for (const source of [await context.stage.large(), ...await context.stage.sources()]) {
      await fetchFrom(context, source);
    }
  },
};
