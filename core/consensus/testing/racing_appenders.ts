/**
 * Appenders that race for one log through any trouble, and what must hold of it afterwards.
 *
 * Each does what a primary does: when the outcome of an append is unknown it reads the log to learn
 * it, and never appends the same payload again before it knows.
 *
 * @module
 */

import assert from "node:assert/strict";
import { hasCode } from "../../error.ts";
import type { Epoch, Log, LogEntry, Lsn, Partition } from "../log.ts";

/** The log that is raced for. */
export const RACED_PARTITION = 3 as Partition;
/** Its term. */
export const RACED_EPOCH = 1 as Epoch;

const BARRIER = "barrier";
const END = "end";

/** What an appender has seen. */
export interface Appended {
  /** Acknowledged payloads by the lsn that they have. */
  readonly acknowledged: Map<number, string>;
  /** How often an outcome was unknown, and how often it then turned out to be in the log. */
  readonly unknown: { count: number; foundCount: number };
}

/** Appends until the signal aborts, and learns what became of the last append unless `giveUp` does. */
export async function appendUntil(
  log: Log,
  options: {
    readonly name: string;
    readonly signal: AbortSignal;
    readonly giveUp: AbortSignal;
  },
): Promise<Appended> {
  const appended: Appended = { acknowledged: new Map(), unknown: { count: 0, foundCount: 0 } };
  let lsn = 0 as Lsn;
  for (let turn = 0; !options.signal.aborted; turn++) {
    const payload = `${options.name}/${turn}`;
    for (let settled = false; !settled;) {
      try {
        lsn = (await retried(() => log.head(RACED_PARTITION), options.giveUp)).lsn;
        const payloads = [new TextEncoder().encode(payload)];
        const got = await log.append(RACED_PARTITION, {
          epoch: RACED_EPOCH,
          expectedLsn: lsn,
          payloads,
        });
        appended.acknowledged.set(got, payload);
        settled = true;
      } catch (error) {
        if (hasCode(error, "conflict")) continue;
        if (!hasCode(error, "unavailable")) throw error;
        appended.unknown.count++;
        const found = await findPayload(log, { expected: lsn, payload, giveUp: options.giveUp });
        if (found === undefined) continue;
        appended.unknown.foundCount++;
        appended.acknowledged.set(found, payload);
        settled = true;
      }
    }
  }
  return appended;
}

/**
 * Where a payload whose append had no answer stands; undefined when it never will. A no-op of this
 * reader behind the expected lsn makes sure of that: an append still on its way can only fail then.
 */
async function findPayload(
  log: Log,
  options: { readonly expected: Lsn; readonly payload: string; readonly giveUp: AbortSignal },
): Promise<Lsn | undefined> {
  const { expected, payload, giveUp } = options;
  for (;;) {
    const entries = await retried(() => log.read(RACED_PARTITION, expected, 1000), giveUp);
    const found = entries.find((entry) => textOf(entry) === payload);
    if (found !== undefined) return found.lsn;
    if (entries.length > 0) return undefined;
    const payloads = [new TextEncoder().encode(BARRIER)];
    const barrier = { epoch: RACED_EPOCH, expectedLsn: expected, payloads };
    await log.append(RACED_PARTITION, barrier).catch((error) => {
      if (!hasCode(error, "conflict") && !hasCode(error, "unavailable")) throw error;
    });
  }
}

/**
 * What watches from the beginning yield, up to the entry that {@link endRace} makes. A watch that finds
 * no leader is opened again behind what it has yielded.
 */
export async function followRace(log: Log, giveUp: AbortSignal): Promise<string[]> {
  const seen: string[] = [];
  return await retried(async () => {
    for await (const entries of log.watch(RACED_PARTITION, seen.length as Lsn, giveUp)) {
      seen.push(...entries.map((entry) => `${entry.lsn} ${textOf(entry)}`));
      if (entries.some((entry) => textOf(entry) === END)) return seen;
    }
    throw new Error(`The watch ended after ${seen.at(-1)}`);
  }, giveUp);
}

/** Appends the last entry, when nobody else appends any more. */
export async function endRace(log: Log, giveUp: AbortSignal): Promise<void> {
  const { lsn } = await retried(() => log.head(RACED_PARTITION), giveUp);
  const payloads = [new TextEncoder().encode(END)];
  await retried(async () => {
    try {
      await log.append(RACED_PARTITION, { epoch: RACED_EPOCH, expectedLsn: lsn, payloads });
    } catch (error) {
      // Nobody else appends: what is in the way is the first try of this.
      if (!hasCode(error, "conflict")) throw error;
    }
  }, giveUp);
}

/** Checks that the log holds what was acknowledged, each payload once, and returns it as text. */
export async function checkLog(
  log: Log,
  options: { readonly all: readonly Appended[]; readonly giveUp: AbortSignal },
): Promise<string[]> {
  const { all, giveUp } = options;
  const entries: LogEntry[] = [];
  for (;;) {
    const after = entries.length as Lsn;
    const page = await retried(() => log.read(RACED_PARTITION, after, 500), giveUp);
    if (page.length === 0) break;
    entries.push(...page);
  }
  const texts = entries.map(textOf);
  for (const { acknowledged } of all) {
    for (const [lsn, payload] of acknowledged) assert.equal(texts[lsn - 1], payload);
  }
  const written = texts.filter((text) => text !== BARRIER && text !== END);
  assert.equal(new Set(written).size, written.length, "no payload is in the log twice");
  assert.equal(written.length, all.reduce((sum, one) => sum + one.acknowledged.size, 0));
  return entries.map((entry, index) => `${entry.lsn} ${texts[index]}`);
}

/** Something that may be done twice, repeated while the cluster has no leader. */
export async function retried<T>(read: () => Promise<T>, giveUp: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (!hasCode(error, "unavailable") || giveUp.aborted) throw error;
    }
  }
}

function textOf({ payload }: LogEntry): string {
  return new TextDecoder().decode(payload);
}
