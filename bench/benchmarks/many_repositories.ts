/**
 * Very many small repositories in one process: how long it takes to start, and what it keeps in
 * memory. They are made by pushes of one commit.
 *
 * @module
 */

import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import { listReferences } from "../load/clone.ts";
import { KeepAliveConnection } from "../load/keep_alive_connection.ts";
import {
  type PreparedPush,
  preparePushes,
  pushRequest,
  requirePushed,
} from "../load/push_request.ts";
import { valueAtMost } from "../results/row.ts";
import type { Address } from "../servers/metered_server.ts";
import { MeteredGitStratum } from "../servers/metered_gitstratum.ts";
import { residentBytes } from "../servers/process_usage.ts";
import { verify } from "../verify.ts";

const START_SECONDS_MAX = 5;
const RESIDENT_BYTES_MAX = 512 * 1024 * 1024;
/** Clients that make repositories. */
const CLIENT_COUNT = 16;
/** Repositories that are looked at after the start. */
const SAMPLE_COUNT = 200;
const PROGRESS_INTERVAL = 10_000;

function nameOf(number: number): string {
  return `owner-${number % 100}/project-${number}`;
}

/** Pushes the same commit to every repository. */
async function fill(
  address: Address,
  push: PreparedPush,
  options: { readonly count: number; readonly path: (name: string) => string },
): Promise<void> {
  let next = 0;
  const client = async () => {
    using connection = new KeepAliveConnection(address);
    for (let number = next++; number < options.count; number = next++) {
      requirePushed(await connection.send(pushRequest(options.path(nameOf(number)), push)));
      if (number > 0 && number % PROGRESS_INTERVAL === 0) {
        console.log(`${number} of ${options.count} repositories`);
      }
    }
  };
  await Promise.all(Array.from({ length: CLIENT_COUNT }, client));
}

/** Asks for the references of some repositories. */
async function look(server: MeteredGitStratum, count: number, push: PreparedPush): Promise<void> {
  const step = Math.max(1, Math.floor(count / SAMPLE_COUNT));
  for (let number = 0; number < count; number += step) {
    const target = { address: server.address, path: server.path(nameOf(number)) };
    const listed = await listReferences(target, ["refs/heads/"]);
    verify(listed.get(push.reference) === push.commit, `the push to ${nameOf(number)}`);
  }
}

async function run(context: BenchContext): Promise<void> {
  const count = context.sizes.manyRepositories;
  const dataDirectory = `${context.stage.directory}/ours-many`;
  const options = { reference: "refs/heads/main", count: 1, label: "many" };
  const push = preparePushes({}, options)[0]!;
  const begin = performance.now();
  {
    await using server = await MeteredGitStratum.start(dataDirectory);
    await fill(server.address, push, { count, path: (name) => server.path(name) });
  }
  const fillSeconds = (performance.now() - begin) / 1000;
  const started = performance.now();
  await using server = await MeteredGitStratum.start(dataDirectory);
  const health = await fetch(`http://127.0.0.1:${server.address.port}/healthz`);
  await health.body?.cancel();
  const startSeconds = (performance.now() - started) / 1000;
  verify(health.status === 200, "health after the start");
  const atStart = residentBytes(server.pid);
  await look(server, count, push);
  const repository = `${count} repositories`;
  const rows = new RowWriter(context, { benchmark: manyRepositories.name, repository });
  const resident = valueAtMost(RESIDENT_BYTES_MAX);
  rows.add("start", { unit: "s", ours: startSeconds, target: valueAtMost(START_SECONDS_MAX) });
  rows.add("resident after the start", { unit: "bytes", ours: atStart, target: resident });
  rows.add(`resident after ${Math.min(count, SAMPLE_COUNT)} listings`, {
    unit: "bytes",
    ours: residentBytes(server.pid),
    target: resident,
  });
  rows.add("repositories made", { unit: "1/s", ours: count / fillSeconds });
}

/** See the module's text. */
export const manyRepositories: Benchmark = {
  name: "many-repositories",
  title: "Very many small repositories in one process",
  run,
};
