/**
 * Takes the packs of pushes in and stores them durably as pack groups, invisible until the metadata
 * cluster commits them.
 *
 * Small packs are ingested where they arrive, large ones by a worker while they still arrive. Nothing
 * is left behind by an ingest that fails: scratch files go with it, extents are taken back (and swept
 * as orphans when even that fails). Leftovers of a crash go at the next start.
 *
 * @module
 */

import {
  INGEST_INLINE_RING_BYTES,
  INGEST_INLINE_WORK_BYTES_MAX,
  INGEST_PRACTICE_ROUND_COUNT,
  INGEST_WORKER_COUNT,
  OBJECT_BYTES_MAX,
  PUSH_BYTES_MAX,
  type Random,
  randomId,
} from "@gitstratum/core";
import type { Disk } from "@gitstratum/core/disk";
import { DEFAULT_PUSH_POLICY, type FsckPolicy, isZeroOid, type Oid } from "@gitstratum/core/git";
import {
  type ExtentStore,
  type Metadata,
  newGroupId,
  pushPolicyOf,
  type RepositoryInfo,
} from "@gitstratum/core/rpc";
import type { MemoryPermit } from "../admission/memory_permits.ts";
import { BaseCache } from "./base_cache.ts";
import { IngestEngine } from "./ingest_engine.ts";
import type { IngestJob, IngestResult } from "./ingest_host.ts";
import { IngestMemory } from "./ingest_memory.ts";
import { IngestScratch } from "./ingest_scratch.ts";
import { IngestWorkers } from "./ingest_workers.ts";
import type { LateComparison } from "./late_comparison.ts";
import { LocalHost } from "./local_host.ts";
import { PackIntake } from "./pack_intake.ts";
import { NeedsWorker, WorkBudget } from "./work_budget.ts";
import type { PushAdmission } from "./push_admission.ts";
import type { WorkerTask } from "./worker_message.ts";

/** What all ingests of a process share. */
export interface PackIngestOptions {
  /** Asked for delta bases and for what the network has already. */
  readonly metadata: Pick<Metadata, "locate" | "known">;
  /** Where pack groups go. */
  readonly extents: Pick<ExtentStore, "read" | "write" | "remove">;
  /** The disk whose root is `scratchDirectory`. */
  readonly disk: Disk;
  /** Path of a directory of the operating system for scratch files; nobody else uses it. */
  readonly scratchDirectory: string;
  /** Draws ids and the seeds of hash tables. */
  readonly random: Random;
  /** How objects are checked where settings say nothing; `DEFAULT_PUSH_POLICY` unless given. */
  readonly policy?: FsckPolicy;
  /** Hands memory out; absent = every pack is taken in at once. */
  readonly admission?: PushAdmission;
}

/** One pack to be taken in. */
export interface PackIngestRequest {
  /** The pack, from its first byte to its trailer. */
  readonly pack: ReadableStream<Uint8Array>;
  /** Where it is pushed to. */
  readonly repository: RepositoryInfo;
  /** The push's commands: their new values are the tips of the group. */
  readonly tips: readonly { readonly newOid: Oid }[];
  /** Aborts when the client is gone. */
  readonly signal?: AbortSignal;
  /** Told how far it is: lines that end in `\n`, or in `\r` to be overwritten. */
  readonly progress?: (text: string) => void;
  /** The caller does what {@link TakenPack.comparison} asks for. */
  readonly comparesLater?: boolean;
}

/** A pack that was taken in. */
export interface TakenPack extends IngestResult {
  /**
   * What the network has under the same ids is to be compared before the push is committed. Only where
   * the request offered it.
   */
  readonly comparison?: LateComparison;
}

/** What one ingest works with. */
interface IngestParts {
  readonly intake: PackIntake;
  readonly host: LocalHost;
  readonly prefix: string;
}

/** What the objects of one ingest must be. */
type ObjectRules = Pick<WorkerTask, "policy" | "objectBytesMax">;

/** Names of scratch files begin with this. */
const SCRATCH_PREFIX = "ingest-";
/** Memories kept for ingests without a worker: as many as usually run at once. */
const SPARE_MEMORY_COUNT_MAX = 8;
const SEED_BYTES = 8;

/** Takes packs in. */
export class PackIngest {
  readonly #options: PackIngestOptions;
  readonly #policy: FsckPolicy;
  readonly #workers = new IngestWorkers(INGEST_WORKER_COUNT);
  readonly #spareMemories: IngestMemory[] = [];
  readonly #cache = new BaseCache();

  /** Makes an ingest and sweeps what a crash left in the scratch directory. */
  constructor(options: PackIngestOptions) {
    this.#options = options;
    this.#policy = options.policy ?? DEFAULT_PUSH_POLICY;
    for (const name of options.disk.list("")) {
      if (name.startsWith(SCRATCH_PREFIX)) options.disk.remove(name);
    }
  }

  /**
   * Gets ready for large packs: has a thread made and practised, and one in waiting from then on until
   * {@link close}. Resolves when the first one is ready.
   */
  prepare(): Promise<void> {
    return this.#workers.prepare(INGEST_PRACTICE_ROUND_COUNT);
  }

  /** Has nothing in waiting any more. */
  close(): void {
    this.#workers.close();
  }

  /**
   * Takes one pack in. What the result names is durable, and nobody sees it yet.
   *
   * On failure the pack's stream is cancelled, wherever it was.
   *
   * @throws `invalid` when the pack is refused: the message and its data say why
   * @throws `disk-full`, `unavailable`, `exhausted`, or the signal's reason
   */
  async ingest(request: PackIngestRequest): Promise<TakenPack> {
    const { repository, signal, progress } = request;
    const { metadata, extents, disk, scratchDirectory, random } = this.#options;
    const intake = new PackIntake(request.pack, repository.settings.pushBytesMax ?? PUSH_BYTES_MAX);
    const onAbort = () => void intake.close(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const prefix = `${SCRATCH_PREFIX}${randomId(random)}`;
    const host = new LocalHost({
      metadata,
      extents,
      cache: this.#cache,
      repository,
      disk,
      scratchDirectory,
      baseFileName: `${prefix}-bases`,
      arrival: (have) => intake.arrival(have),
      progress: (text) => progress?.(text),
    });
    try {
      signal?.throwIfAborted();
      const result = await this.#run(request, { intake, host, prefix });
      const { digests } = result;
      return digests === undefined ? result : { ...result, comparison: host.comparison(digests) };
    } catch (error) {
      await host.discard();
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
      await intake.close(undefined);
      host.close();
    }
  }

  async #run(
    request: PackIngestRequest,
    parts: IngestParts,
  ): Promise<IngestResult> {
    const { repository } = request;
    const job: IngestJob = {
      groupId: newGroupId(this.#options.random),
      format: repository.objectFormat,
      tips: [...new Set(request.tips.map((tip) => tip.newOid).filter((oid) => !isZeroOid(oid)))],
      comparesLater: request.comparesLater === true,
    };
    const rules = this.#rulesOf(repository);
    const permit = await this.#options.admission?.small(request.signal);
    try {
      if (await parts.intake.readSmall()) {
        return await this.#runInline(job, { ...parts, ...rules });
      }
    } catch (error) {
      if (!(error instanceof NeedsWorker)) throw error;
    } finally {
      // A worker has a permit of its own: nobody waits for one while holding another.
      permit?.release();
    }
    return await this.#runInWorker(job, { ...parts, ...rules }, request.signal);
  }

  /** What the settings of the repository make of the server's rules. */
  #rulesOf({ settings }: RepositoryInfo): ObjectRules {
    const { fsck, objectBytesMax = OBJECT_BYTES_MAX } = settings;
    const policy = Object.keys(fsck).length === 0 ? this.#policy : pushPolicyOf(settings);
    return { policy, objectBytesMax };
  }

  async #runInline(
    job: IngestJob,
    parts: IngestParts & ObjectRules,
  ): Promise<IngestResult> {
    const { disk, scratchDirectory: directory, random } = this.#options;
    const memory = this.#spareMemories.pop() ?? IngestMemory.create(INGEST_INLINE_RING_BYTES);
    const scratch = new IngestScratch(disk, { directory, prefix: parts.prefix });
    try {
      const engine = new IngestEngine({
        job,
        memory,
        scratch,
        host: parts.host,
        policy: parts.policy,
        objectBytesMax: parts.objectBytesMax,
        seed: random.bytes(SEED_BYTES),
        spool: parts.intake.memory,
        budget: WorkBudget.inline(INGEST_INLINE_WORK_BYTES_MAX),
      });
      return await engine.run();
    } finally {
      scratch.close();
      if (this.#spareMemories.length < SPARE_MEMORY_COUNT_MAX) this.#spareMemories.push(memory);
    }
  }

  async #runInWorker(
    job: IngestJob,
    parts: IngestParts & ObjectRules,
    signal: AbortSignal | undefined,
  ): Promise<IngestResult> {
    const { disk, scratchDirectory: directory, random } = this.#options;
    const spoolName = `${parts.prefix}-spool`;
    const file = disk.open(spoolName, { write: true, create: true, exclusive: true });
    let permit: MemoryPermit | undefined;
    try {
      const { objectCount } = parts.intake;
      parts.intake.spillTo(file);
      permit = await this.#options.admission?.large(parts.intake, { objectCount, signal });
      const seed = random.bytes(SEED_BYTES);
      const { policy, objectBytesMax } = parts;
      const rules = { policy, objectBytesMax, seed };
      const run = { job, ...rules, directory, spoolName, entryCount: objectCount };
      return await this.#workers.run(run, parts.host, signal);
    } finally {
      // Before the file goes: a chunk may be on its way to it.
      await parts.intake.close(undefined);
      permit?.release();
      file.close();
      disk.remove(spoolName);
    }
  }
}
