/**
 * Takes one pack in, from its first byte to its stored extents.
 *
 * Scan while it arrives, resolve what is left, compare with what the network stores already, write.
 * The passes are synchronous; in between the engine asks its host.
 *
 * Fault model: whatever is wrong with the pack is `invalid` with a message for people. A failure of
 * the host is passed on. Extents that were written before a failure are the host's to remove.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core/error";
import {
  EXTENT_BYTES,
  FRESH_INDEX_BYTES_MAX,
  LATE_COMPARISON_BYTES_MAX,
  LATE_COMPARISON_COUNT_MAX,
} from "@gitstratum/core/limits";
import { OBJECT_TYPE_CODES, type Oid, oidBytes } from "@gitstratum/core/git";
import { isDeltaCode } from "@gitstratum/core/pack";
import type { ExtentWrite } from "@gitstratum/core/rpc";
import { extentId, packId } from "@gitstratum/core/rpc/ids";
import { KernelError } from "@gitstratum/wasm";
import { hashCollision } from "./bad_pack.ts";
import { baseBytes } from "./base_bytes.ts";
import { DeltaResolver } from "./delta_resolver.ts";
import { encodeGroupIndex } from "./group_index.ts";
import { GroupWriter } from "./group_writer.ts";
import type { IngestHost, IngestJob, IngestResult, StoredDigest } from "./ingest_host.ts";
import type { IngestMemory } from "./ingest_memory.ts";
import { ENTRY_IS_DUPLICATE } from "./object_table.ts";
import { PackObjects, type PackObjectsOptions } from "./pack_objects.ts";
import { PackScanner } from "./pack_scanner.ts";
import { adoptShare, type ShareHelper } from "./pack_share.ts";
import { ProgressLine } from "./progress_line.ts";
import { type ShareOutcome, WorkSplit } from "./work_split.ts";

/** Objects of the network asked for at a time. */
const BASE_BATCH_COUNT = 256;
/** Ids of one question whether the network knows them: a request of some megabytes. */
const KNOWN_BATCH_COUNT = 65_536;
/** Writes on their way at a time. */
const WRITES_IN_FLIGHT_MAX = 2;

/** What an engine works with. */
export interface IngestEngineOptions extends Omit<PackObjectsOptions, "format" | "isShare"> {
  readonly job: IngestJob;
  readonly memory: IngestMemory;
  readonly host: IngestHost;
  /** Takes half of a large pack. */
  readonly helper?: ShareHelper;
  /** Whether nobody waits for the ingest any more: a worker at work can not be ended from outside. */
  readonly isEnded?: () => boolean;
}

/** Runs one ingest. */
export class IngestEngine {
  readonly #options: IngestEngineOptions;
  readonly #host: IngestHost;
  readonly #job: IngestJob;
  readonly #objects: PackObjects;
  readonly #scanner: PackScanner;
  readonly #split: WorkSplit | undefined;
  #entryCount = 0;
  #baseCount = 0;

  /** Makes an engine for one pack. */
  constructor(options: IngestEngineOptions) {
    const { job, host, memory, spool, budget, helper, policy, objectBytesMax, seed } = options;
    const { format } = job;
    this.#options = options;
    this.#host = host;
    this.#job = job;
    this.#objects = new PackObjects({ ...options, format });
    const objects = this.#objects;
    const terms = { format, policy, objectBytesMax, seed };
    this.#split = helper && new WorkSplit(helper, { terms, table: objects.table });
    const split = this.#split;
    this.#scanner = new PackScanner({
      format,
      memory,
      spool,
      budget,
      objects,
      ...split && { split },
    });
  }

  /**
   * Takes the pack in.
   *
   * @throws `invalid` when the pack is refused, and whatever the host throws
   */
  async run(): Promise<IngestResult> {
    try {
      await this.#scan();
      if (this.#entryCount === 0) return this.#result(undefined, new Uint8Array());
      await this.#resolve();
      this.#objects.checkLinkTypes();
      await this.#checkSpecialBlobs();
      return await this.#compareAndStore();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      throw new GitStratumError("exhausted", "Run out of memory in an ingest", { cause: error });
    } finally {
      this.#options.helper?.close();
      this.#objects.close();
    }
  }

  async #scan(): Promise<void> {
    const scanner = this.#scanner;
    const line = new ProgressLine("Unpacking objects", (text) => this.#host.progress(text));
    let arrival = await this.#host.arrival(0);
    for (;;) {
      this.#requireWanted();
      const status = scanner.step(arrival.bytes, arrival.ended);
      if (scanner.objectCount > 0) line.show(scanner.scannedCount, scanner.objectCount);
      if (status === "done") break;
      if (status === "needs-input") arrival = await this.#host.arrival(arrival.bytes);
    }
    this.#entryCount = scanner.objectCount;
    if (this.#entryCount > 0) line.finish(this.#entryCount);
  }

  #requireWanted(): void {
    if (!this.#options.isEnded?.()) return;
    throw new GitStratumError("unavailable", "Give up an ingest that has ended");
  }

  async #resolve(): Promise<void> {
    const outcome = this.#split?.finish(this.#entriesEnd);
    const { deferred } = this.#scanner;
    const resolver = new DeltaResolver(this.#objects, deferred, this.#entryCount);
    const line = new ProgressLine("Resolving deltas", (text) => this.#host.progress(text));
    const run = (steps: Iterable<void>) => {
      for (const _ of steps) {
        this.#requireWanted();
        line.show(resolver.resolved.count, deferred.count);
      }
    };
    run(resolver.resolveFromPack());
    if (this.#adopt(await outcome)) run(resolver.resolveFromPack());
    const rows = resolver.missingRows();
    for (let start = 0; start < rows.length; start += BASE_BATCH_COUNT) {
      await this.#resolveBatch(resolver, rows.slice(start, start + BASE_BATCH_COUNT), run);
    }
    resolver.finish();
    if (deferred.count > 0) line.finish(deferred.count);
  }

  /** Takes over what a helper has made; false when there is nothing. */
  #adopt(outcome: ShareOutcome | undefined): boolean {
    this.#options.helper?.close();
    if (outcome === undefined) return false;
    if ("error" in outcome) throw outcome.error;
    this.#options.budget.charge(outcome.share.workBytes);
    adoptShare(this.#objects, outcome.share, outcome.numbers);
    return true;
  }

  /** Offset behind the last entry of the pack. */
  get #entriesEnd(): number {
    return this.#scanner.position - oidBytes(this.#job.format);
  }

  async #resolveBatch(
    resolver: DeltaResolver,
    rows: readonly number[],
    run: (steps: Iterable<void>) => void,
  ): Promise<void> {
    const { ids } = this.#objects;
    // An object of an earlier batch may have made the base an object of the push itself.
    const missing = rows.filter((row) => ids.entry(row) < 0);
    const oids = missing.map((row) => ids.hex(row) as Oid);
    const found = new Map((await this.#host.bases(oids)).map((base) => [base.oid, base]));
    for (const [index, row] of missing.entries()) {
      const base = found.get(oids[index]!);
      if (base === undefined || ids.entry(row) >= 0) continue;
      const bytes = baseBytes(base, this.#options.scratch);
      const external = this.#objects.addExternal(row, { ...base, bytes });
      this.#baseCount++;
      run(resolver.resolveFromNetwork(row, external));
    }
  }

  /** Checks blobs like `.gitmodules` that came before the tree that names them, or not at all. */
  async #checkSpecialBlobs(): Promise<void> {
    const { check, ids, table, source } = this.#objects;
    const elsewhere: Oid[] = [];
    for (const oid of check.pending()) {
      const row = ids.insertBytes(Uint8Array.fromHex(oid));
      const entry = ids.entry(row);
      if (entry < 0) elsewhere.push(oid);
      else if (table.types[entry] !== OBJECT_TYPE_CODES.blob) {
        check.checkSpecial(row, { kind: "other" });
      } else if (table.sizes[entry]! > this.#options.memory.objectBytesMax) {
        check.checkSpecial(row, { kind: "large" });
      } else check.checkSpecial(row, { kind: "blob", bytes: source.bytesOf(entry) });
    }
    for (let start = 0; start < elsewhere.length; start += BASE_BATCH_COUNT) {
      await this.#checkStoredBlobs(elsewhere.slice(start, start + BASE_BATCH_COUNT));
    }
  }

  async #checkStoredBlobs(oids: readonly Oid[]): Promise<void> {
    const { check, ids } = this.#objects;
    for (const base of await this.#host.bases(oids)) {
      const row = ids.findBytes(Uint8Array.fromHex(base.oid));
      const bytes = baseBytes(base, this.#options.scratch);
      try {
        if (base.typeCode !== OBJECT_TYPE_CODES.blob) check.checkSpecial(row, { kind: "other" });
        else if (base.size > this.#options.memory.objectBytesMax) {
          check.checkSpecial(row, { kind: "large" });
        } else check.checkSpecial(row, { kind: "blob", bytes: bytes.read(0, bytes.size) });
      } finally {
        bytes.close();
      }
    }
    // What the repository lacks is for the connectivity check to report: it names the object.
  }

  /** Does both at once: neither needs the other, and both wait for other threads and nodes. */
  async #compareAndStore(): Promise<IngestResult> {
    // What was stored of a pack that is refused then is the host's to remove, once all has settled.
    const comparesLater = this.#comparesLater();
    const [compared, stored] = await Promise.allSettled([
      comparesLater ? undefined : this.#compareWithNetwork(),
      this.#store(),
    ]);
    if (compared.status === "rejected") throw compared.reason;
    if (stored.status === "rejected") throw stored.reason;
    return comparesLater ? { ...stored.value, digests: this.#digests() } : stored.value;
  }

  /** Whether the network is compared with by whoever asked for the ingest: it costs a question less. */
  #comparesLater(): boolean {
    const count = this.#entryCount;
    if (!this.#job.comparesLater || count > LATE_COMPARISON_COUNT_MAX) return false;
    const { table } = this.#objects;
    let bytes = 0;
    for (let entry = 0; entry < count; entry++) bytes += table.sizes[entry]!;
    return bytes <= LATE_COMPARISON_BYTES_MAX;
  }

  #digests(): StoredDigest[] {
    const { ids, source } = this.#objects;
    const digests: StoredDigest[] = [];
    for (let row = 0; row < ids.count; row++) {
      const entry = ids.entry(row);
      if (entry < 0) continue;
      digests.push({ oid: ids.hex(row) as Oid, digest: source.digest(entry).toHex() });
    }
    return digests;
  }

  /** Objects that the network has under the same ids must be the same objects. */
  async #compareWithNetwork(): Promise<void> {
    const { ids } = this.#objects;
    const width = oidBytes(this.#job.format);
    const rows: number[] = [];
    for (let row = 0; row < ids.count; row++) if (ids.entry(row) >= 0) rows.push(row);
    for (let start = 0; start < rows.length; start += KNOWN_BATCH_COUNT) {
      const batch = rows.slice(start, start + KNOWN_BATCH_COUNT);
      const oids = new Uint8Array(batch.length * width);
      batch.forEach((row, index) => oids.set(ids.id(row), index * width));
      const known = await this.#host.known(oids);
      await this.#compareKnown(Array.from(known, (index) => batch[index]!));
    }
  }

  async #compareKnown(rows: readonly number[]): Promise<void> {
    const { ids, source } = this.#objects;
    for (let start = 0; start < rows.length; start += BASE_BATCH_COUNT) {
      const oids = rows.slice(start, start + BASE_BATCH_COUNT).map((row) => ids.hex(row) as Oid);
      for (const { oid, digest } of await this.#host.digests(oids)) {
        const entry = ids.entry(ids.findBytes(Uint8Array.fromHex(oid)));
        if (source.digest(entry).toHex() !== digest) throw hashCollision(oid);
      }
    }
  }

  async #store(): Promise<IngestResult> {
    const { groupId, format, tips } = this.#job;
    const writer = new GroupWriter({
      groupId,
      objects: this.#objects,
      spool: this.#options.spool,
      entryCount: this.#entryCount,
      entriesEnd: this.#entriesEnd,
    });
    const sink = new ExtentSink(this.#host);
    for (const extent of writer.extents()) await sink.add(extent);
    const index = encodeGroupIndex({ format, objects: this.#objects, writer, tips });
    for (let at = 0; at < index.bytes.length; at += EXTENT_BYTES) {
      // Copies, because a host may take a buffer over and these share one.
      const bytes = index.bytes.slice(at, at + EXTENT_BYTES);
      await sink.add({ id: extentId(packId(groupId, "i"), at / EXTENT_BYTES), bytes });
    }
    await sink.finish();
    const { historyBytes, contentBytes, historyCount, contentCount } = writer;
    const result = this.#result({
      groupId,
      historyBytes,
      contentBytes,
      indexBytes: index.bytes.length,
      historyCount,
      contentCount,
      extentBytes: EXTENT_BYTES,
    }, index.externalLinks);
    const isSmall = index.bytes.length <= FRESH_INDEX_BYTES_MAX;
    return isSmall ? { ...result, index: index.bytes } : result;
  }

  #result(
    group: IngestResult["group"],
    externalLinks: Uint8Array<ArrayBuffer>,
  ): IngestResult {
    const { table } = this.#objects;
    let deltaCount = 0;
    let duplicateCount = 0;
    for (let entry = 0; entry < this.#entryCount; entry++) {
      if (isDeltaCode(table.codes[entry]!)) deltaCount++;
      if (table.is(entry, ENTRY_IS_DUPLICATE)) duplicateCount++;
    }
    const objectCount = this.#entryCount;
    const baseCount = this.#baseCount;
    const { warnings } = this.#objects.check;
    return { group, objectCount, deltaCount, duplicateCount, baseCount, externalLinks, warnings };
  }
}

/** Sends extents to the host: small ones together, a bounded number of writes at a time. */
class ExtentSink {
  readonly #host: IngestHost;
  #batch: ExtentWrite[] = [];
  #batchBytes = 0;
  /** Writes on their way; a failed one resolves with its error, so that no rejection goes unseen. */
  readonly #inFlight: Promise<{ readonly error?: unknown }>[] = [];

  constructor(host: IngestHost) {
    this.#host = host;
  }

  async add(extent: ExtentWrite): Promise<void> {
    if (this.#batchBytes + extent.bytes.length > EXTENT_BYTES) await this.#send();
    this.#batch.push(extent);
    this.#batchBytes += extent.bytes.length;
  }

  async finish(): Promise<void> {
    await this.#send();
    while (this.#inFlight.length > 0) await this.#settleFirst();
  }

  async #send(): Promise<void> {
    if (this.#batch.length === 0) return;
    if (this.#inFlight.length === WRITES_IN_FLIGHT_MAX) await this.#settleFirst();
    const batch = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    this.#inFlight.push(
      this.#host.write(batch).then(() => ({}), (error: unknown) => ({ error })),
    );
  }

  async #settleFirst(): Promise<void> {
    const outcome = await this.#inFlight.shift();
    if (outcome !== undefined && "error" in outcome) throw outcome.error;
  }
}
