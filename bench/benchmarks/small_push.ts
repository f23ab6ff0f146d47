/**
 * Pushes of one commit: one after the other, and from many clients at once into one repository and
 * into many. A push is what git's client does: ask for references, then send.
 *
 * @module
 */

import { type BenchContext, type Benchmark, RowWriter } from "../benchmark.ts";
import { listReferences } from "../load/clone.ts";
import { requireOk } from "../load/http_exchange.ts";
import { KeepAliveConnection } from "../load/keep_alive_connection.ts";
import {
  type PreparedPush,
  preparePushes,
  pushRequest,
  type PushStart,
  requirePushed,
} from "../load/push_request.ts";
import { advertisementRequest } from "../load/upload_requests.ts";
import { ratioAtMost, valueAtLeast } from "../results/row.ts";
import { type Address, percentile } from "../servers/metered_server.ts";
import { headCommit, type Source } from "../sources/source.ts";
import { initServed } from "../stage.ts";
import { rootTree } from "./root_tree.ts";
import { verify } from "../verify.ts";

/** Repositories of each client where many are pushed to. */
const REPOSITORIES_PER_CLIENT = 4;

/** A push and where it goes. */
export interface AimedPush {
  readonly path: string;
  readonly push: PreparedPush;
}

/** Sends pushes one after the other and answers the milliseconds of each. */
export async function pushEach(address: Address, pushes: readonly AimedPush[]): Promise<number[]> {
  using connection = new KeepAliveConnection(address);
  const times: number[] = [];
  for (const { path, push } of pushes) {
    const begin = performance.now();
    requireOk(await connection.send(advertisementRequest(path, "git-receive-pack")));
    requirePushed(await connection.send(pushRequest(path, push)));
    times.push(performance.now() - begin);
  }
  return times;
}

/** Fails unless the last push to each reference is what it points at. */
export async function requireLast(address: Address, pushes: readonly AimedPush[]): Promise<void> {
  const last = new Map(
    pushes.map(({ path, push }) => [`${path} ${push.reference}`, { path, push }]),
  );
  for (const path of new Set(pushes.map((push) => push.path))) {
    const listed = await listReferences({ address, path }, ["refs/heads/"]);
    for (const { path: aimed, push } of last.values()) {
      if (aimed !== path) continue;
      verify(listed.get(push.reference) === push.commit, `${push.reference} after pushes`);
    }
  }
}

/** Pushes per second of clients that push at the same time. */
async function pushRate(
  address: Address,
  clients: readonly (readonly AimedPush[])[],
): Promise<number> {
  const begin = performance.now();
  await Promise.all(clients.map((pushes) => pushEach(address, pushes)));
  const seconds = (performance.now() - begin) / 1000;
  const all = clients.flat();
  await requireLast(address, all);
  return all.length / seconds;
}

/** All pushes of the benchmark, by repository name instead of path. */
interface Plan {
  readonly sequence: readonly AimedPush[];
  readonly intoOne: readonly (readonly AimedPush[])[];
  readonly intoMany: readonly (readonly AimedPush[])[];
}

/** `many` names the n-th of many repositories. */
function makePlan(
  context: BenchContext,
  start: PushStart,
  names: { readonly one: string; readonly many: (number: number) => string },
): Plan {
  const { samples, pushClients, pushesPerClient } = context.sizes;
  const aim = (path: string, pushes: readonly PreparedPush[]) =>
    pushes.map((push) => ({ path, push }));
  const sequence = preparePushes(start, {
    reference: "refs/heads/bench-sequence",
    count: samples,
    label: "sequence",
  });
  const clients = Array.from({ length: pushClients }, (_, client) => client);
  const intoOne = clients.map((client) =>
    aim(
      names.one,
      preparePushes(start, {
        reference: `refs/heads/bench-${client}`,
        count: pushesPerClient,
        label: `client ${client}`,
      }),
    )
  );
  const intoMany = clients.map((client) =>
    Array.from({ length: REPOSITORIES_PER_CLIENT }, (_, part) => {
      const number = client * REPOSITORIES_PER_CLIENT + part;
      const count = Math.ceil(pushesPerClient / REPOSITORIES_PER_CLIENT);
      const options = { reference: "refs/heads/main", count, label: `repository ${number}` };
      return aim(names.many(number), preparePushes({}, options));
    }).flat()
  );
  return { sequence: aim(names.one, sequence), intoOne, intoMany };
}

/** What one server reached. */
interface Figures {
  readonly p50Ms: number;
  readonly intoOnePerSecond: number;
  readonly intoManyPerSecond: number;
}

async function pushAll(address: Address, plan: Plan): Promise<Figures> {
  const times = await pushEach(address, plan.sequence);
  await requireLast(address, plan.sequence);
  return {
    p50Ms: percentile(times, 0.5),
    intoOnePerSecond: await pushRate(address, plan.intoOne),
    intoManyPerSecond: await pushRate(address, plan.intoMany),
  };
}

function repositoryCount(context: BenchContext): number {
  return context.sizes.pushClients * REPOSITORIES_PER_CLIENT;
}

async function pushOurs(
  context: BenchContext,
  source: Source,
  start: PushStart,
): Promise<Figures> {
  const { server, path } = await context.stage.startOurs(source);
  await using _ = server;
  const name = (number: number) => `many/${source.label}-${number}`;
  for (let number = 0; number < repositoryCount(context); number++) {
    await server.createRepository(name(number), "main");
  }
  const many = (number: number) => server.path(name(number));
  return await pushAll(server.address, makePlan(context, start, { one: path, many }));
}

async function pushGit(
  context: BenchContext,
  source: Source,
  start: PushStart,
): Promise<Figures | undefined> {
  const web = await context.stage.web();
  if (web === undefined) return undefined;
  const { plain } = await context.stage.git(source);
  const name = (number: number) => `many/${source.label}-${number}`;
  for (let number = 0; number < repositoryCount(context); number++) {
    await initServed(web.directory(name(number)), "main");
  }
  const many = (number: number) => web.barePath(name(number));
  return await pushAll(web.address, makePlan(context, start, { one: web.barePath(plain), many }));
}

async function compare(context: BenchContext, source: Source): Promise<void> {
  const start = { parent: headCommit(source), tree: await rootTree(source) };
  const ours = await pushOurs(context, source, start);
  const peer = await pushGit(context, source, start);
  const rows = new RowWriter(context, { benchmark: smallPush.name, repository: source.label });
  rows.add("p50", {
    unit: "ms",
    ours: ours.p50Ms,
    peer: ["git http-backend", peer?.p50Ms],
    target: ratioAtMost(1),
  });
  const clients = context.sizes.pushClients;
  rows.add(`${clients} clients, one repository`, {
    unit: "1/s",
    ours: ours.intoOnePerSecond,
    peer: ["git http-backend", peer?.intoOnePerSecond],
    target: valueAtLeast(200),
  });
  rows.add(`${clients} clients, many repositories`, {
    unit: "1/s",
    ours: ours.intoManyPerSecond,
    peer: ["git http-backend", peer?.intoManyPerSecond],
    target: valueAtLeast(400),
  });
}

/** See the module's text. */
export const smallPush: Benchmark = {
  name: "small-push",
  title: "Pushes of one commit",
  async run(context) {
    for (const source of await context.stage.sources()) await compare(context, source);
  },
};
