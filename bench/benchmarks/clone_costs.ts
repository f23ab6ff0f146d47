/**
 * Clones of one kind from each server, each proved whole.
 *
 * @module
 */

import type { BenchContext } from "../benchmark.ts";
import { clonedPack, type CloneWish, rawClone } from "../load/clone.ts";
import { type Cost, measure, type Measured, medianByWall } from "../servers/metered_server.ts";
import type { Address, MeteredServer } from "../servers/metered_server.ts";
import type { Source } from "../sources/source.ts";
import { answerBuffer } from "../stage.ts";
import { verify } from "../verify.ts";

/** A clone's cost and what came over the wire. */
export interface CloneCost extends Cost {
  readonly answerBytes: number;
  readonly objectCount: number;
}

/** One kind of clone from all servers. */
export interface CloneCosts {
  /** By a server that was just started. */
  readonly ours: CloneCost;
  /** By a server that was just started, and was told not to get ready for what was used before. */
  readonly cold: CloneCost;
  /** The same again, by the server that answered before. */
  readonly again: CloneCost;
  /** Absent where nginx or fcgiwrap is not installed. */
  readonly plain?: CloneCost;
  readonly tuned?: CloneCost;
}

/** Clones once. */
export async function cloneOnce(
  server: MeteredServer,
  path: string,
  options: { readonly wish: CloneWish; readonly buffer: Uint8Array },
): Promise<CloneCost> {
  const target: { address: Address; path: string } = { address: server.address, path };
  const measured: Measured<Awaited<ReturnType<typeof rawClone>>> = await measure(
    server,
    () => rawClone(target, options.wish, options.buffer),
  );
  const { wallSeconds, cpuSeconds, peakBytes } = measured;
  const { objectCount } = clonedPack(measured.value);
  const answerBytes = measured.value.answer.length;
  return { wallSeconds, cpuSeconds, peakBytes, answerBytes, objectCount };
}

async function times(count: number, once: () => Promise<CloneCost>): Promise<CloneCost> {
  const all: CloneCost[] = [];
  for (let round = 0; round < count; round++) all.push(await once());
  return medianByWall(all);
}

/** Clones from a fresh server each time, and again from the last. */
async function cloneOurs(
  context: BenchContext,
  source: Source,
  options: { readonly wish: CloneWish; readonly buffer: Uint8Array },
): Promise<Pick<CloneCosts, "ours" | "cold" | "again">> {
  const { repetitions } = context.sizes;
  const again: CloneCost[] = [];
  const ours = await times(repetitions, async () => {
    const { server, path } = await context.stage.startOurs(source);
    await using _ = server;
    const first = await cloneOnce(server, path, options);
    again.push(await cloneOnce(server, path, options));
    return first;
  });
  const cold = await times(repetitions, async () => {
    const { server, path } = await context.stage.startOurs(source, { isWarm: false });
    await using _ = server;
    return await cloneOnce(server, path, options);
  });
  return { ours, cold, again: medianByWall(again) };
}

/** Clones from every server and checks that all sent the same number of objects. */
export async function compareClones(
  context: BenchContext,
  source: Source,
  wish: CloneWish,
): Promise<CloneCosts> {
  const options = { wish, buffer: answerBuffer(source) };
  const costs = await cloneOurs(context, source, options);
  for (const other of [costs.cold, costs.again]) {
    verify(costs.ours.objectCount === other.objectCount, "objects of a clone made again");
  }
  const web = await context.stage.web();
  if (web === undefined) return costs;
  const stored = await context.stage.git(source);
  const peer = async (name: string) => {
    const cost = await times(
      context.sizes.repetitions,
      () => cloneOnce(web, web.path(name), options),
    );
    verify(cost.objectCount === costs.ours.objectCount, `objects of a clone, ours and ${name}`);
    return cost;
  };
  return { ...costs, plain: await peer(stored.plain), tuned: await peer(stored.tuned) };
}
