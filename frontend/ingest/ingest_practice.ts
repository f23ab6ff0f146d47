/**
 * Takes a pack that nobody sent in, a few times: the thread that did has compiled what it needs for
 * the first one that somebody sends.
 *
 * @module
 */

import { MemoryDisk } from "@gitstratum/core/disk";
import { DEFAULT_PUSH_POLICY } from "@gitstratum/core/git";
import { newGroupId } from "@gitstratum/core/rpc/ids";
import { IngestEngine } from "./ingest_engine.ts";
import type { IngestHost } from "./ingest_host.ts";
import type { IngestMemory } from "./ingest_memory.ts";
import { IngestScratch } from "./ingest_scratch.ts";
import { practicePack } from "./practice_pack.ts";
import { MemorySpool } from "./spool.ts";
import { WorkBudget } from "./work_budget.ts";

/** When to stop. */
export interface IngestPracticeOptions {
  /** After so many packs there is little left to learn. */
  readonly rounds: number;
  /** Somebody waits for the thread. */
  isWanted(): boolean;
}

const NOWHERE = "practice";
const SEED = new Uint8Array(8);
const OBJECT_BYTES_MAX = 1024 * 1024;

/** Practises with a memory that is used for something else later. Returns the number of packs. */
export async function practiseIngest(
  memory: IngestMemory,
  { rounds, isWanted }: IngestPracticeOptions,
): Promise<number> {
  const pack = practicePack();
  const scratch = new IngestScratch(new MemoryDisk(), { directory: NOWHERE, prefix: NOWHERE });
  for (let round = 0; round < rounds; round++) {
    if (isWanted()) return round;
    const spool = new MemorySpool();
    spool.append(pack);
    const engine = new IngestEngine({
      job: {
        groupId: newGroupId({ bytes: (count) => new Uint8Array(count) }),
        format: "sha1",
        tips: [],
      },
      memory,
      scratch,
      spool,
      host: hostOf(pack.length),
      policy: DEFAULT_PUSH_POLICY,
      objectBytesMax: OBJECT_BYTES_MAX,
      seed: SEED,
      budget: WorkBudget.forPush(),
    });
    await engine.run();
    // A message that somebody wants the thread is heard between two turns of the event loop.
    await new Promise((resolve) => setTimeout(resolve));
  }
  return rounds;
}

/** A network that has nothing, and takes whatever it is given. */
function hostOf(bytes: number): IngestHost {
  return {
    arrival: () => Promise.resolve({ bytes, ended: true }),
    known: () => Promise.resolve(new Uint32Array()),
    bases: () => Promise.resolve([]),
    digests: () => Promise.resolve([]),
    write: () => Promise.resolve(),
    progress: () => undefined,
  };
}
