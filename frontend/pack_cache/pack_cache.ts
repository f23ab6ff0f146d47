/**
 * The pack cache: equal requests share one execution while it runs, and a file after it.
 *
 * Whoever asks has to have checked, for this very request, that its wants may be read: a key stands
 * for bytes, not for rights.
 *
 * @module
 */

import { type Clock, PACK_KEY_COUNT_MAX, PACK_REPLAY_TOTAL_BYTES_MAX } from "@gitstratum/core";
import type { Disk } from "@gitstratum/core/disk";
import type { ObjectFormat } from "@gitstratum/core/git";
import type { Metrics } from "@gitstratum/core/metrics";
import type { SideBandMode } from "@gitstratum/core/protocol";
import { giveAway } from "../pack_assembly/given_memory.ts";
import type { ExecutePack, OpenedPack } from "./opened_pack.ts";
import { packBlockBytes } from "./pack_blocks.ts";
import { PackCacheMetrics, type PackOutcome } from "./pack_cache_metrics.ts";
import { PackFlight } from "./pack_flight.ts";
import type { PackKey } from "./pack_key.ts";
import { PackStore, type StoredPack } from "./pack_store.ts";
import { ReplayBudget } from "./replay_budget.ts";
import { RequestCounter } from "./request_counter.ts";

/** How a cache behaves. */
export interface PackCacheSettings {
  /** Bytes of all files; 0 stores nothing, while equal requests in flight still share. */
  readonly bytesMax: number;
  /**
   * Which request for a clone stores its pack: 1 is the first. One that others join always does; one
   * that continues an earlier fetch does from the second on at the earliest.
   */
  readonly storeFrom: number;
  /** A file that nobody asked for in so many milliseconds goes. */
  readonly ttlMs: number;
}

/** What a cache works with. */
export interface PackCacheOptions extends PackCacheSettings {
  /** The cache's own directory, emptied at start. */
  readonly disk: Disk;
  /** For ages and durations. */
  readonly clock: Clock;
  /** Where requests, bytes and savings are counted. */
  readonly metrics: Metrics;
  /** Bytes free on the file system: the cache leaves at least as many as it holds. */
  freeBytes(): number;
  /** Told of what went wrong, though no client saw it. */
  onTrouble(error: unknown): void;
}

/** One request for a pack. */
export interface CachedRequest {
  /** Makes the pack, when nobody has it. */
  readonly execute: ExecutePack;
  /** How it is framed. */
  readonly mode: SideBandMode;
  /** Hash of its trailer. */
  readonly objectFormat: ObjectFormat;
  /** The client has nothing yet, as many others have nothing. */
  readonly isClone: boolean;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}

/** The first request that stores what only few clients can have a use for. */
const STORE_CONTINUED_FROM = 2;

/** Packs that are shared. */
export class PackCache {
  readonly #options: PackCacheOptions;
  readonly #store: PackStore;
  readonly #flights = new Map<PackKey, PackFlight>();
  readonly #replay = new ReplayBudget(PACK_REPLAY_TOTAL_BYTES_MAX);
  readonly #requests = new RequestCounter(PACK_KEY_COUNT_MAX);
  readonly #metrics: PackCacheMetrics;

  /** Makes an empty cache. */
  constructor(options: PackCacheOptions) {
    this.#options = options;
    this.#store = new PackStore(options);
    this.#metrics = new PackCacheMetrics(options.metrics, {
      bytes: () => this.#store.bytes,
      count: () => this.#store.count,
    });
  }

  /**
   * The pack of a key: stored, in the making, or made now.
   *
   * @throws what the start of the execution throws, or the reason of the signal
   */
  async open(key: PackKey, request: CachedRequest): Promise<OpenedPack> {
    const seen = this.#requests.count(key);
    const stored = this.#store.find(key);
    if (stored !== undefined) return this.#hit(stored);
    const running = this.#flights.get(key);
    if (running !== undefined) return await this.#join(running, request);
    this.#metrics.request("miss");
    const { storeFrom } = this.#options;
    const from = request.isClone ? storeFrom : Math.max(storeFrom, STORE_CONTINUED_FROM);
    const flight = this.#start(key, request, seen >= from);
    return this.#counted("miss", await flight.join(request.signal));
  }

  #hit({ facts, file }: StoredPack): OpenedPack {
    this.#metrics.request("hit");
    this.#metrics.saved(facts.executionMs);
    let isOpen = true;
    const close = () => {
      if (isOpen) file.release();
      isOpen = false;
    };
    const blocks = async function* () {
      try {
        for (let index = 0; index < file.blockCount && isOpen; index++) {
          yield giveAway(file.read(index));
        }
      } finally {
        close();
      }
    };
    return this.#counted("hit", { objectCount: facts.objectCount, chunks: blocks(), close });
  }

  async #join(flight: PackFlight, request: CachedRequest): Promise<OpenedPack> {
    this.#metrics.request("joined");
    const opened = await flight.join(request.signal);
    return this.#counted("joined", opened, () => this.#metrics.saved(flight.executionMs));
  }

  #start(key: PackKey, request: CachedRequest, store: boolean): PackFlight {
    const { mode } = request;
    const flight = new PackFlight({
      execute: request.execute,
      replay: this.#replay,
      clock: this.#options.clock,
      store,
      beginFile: () => this.#store.begin(packBlockBytes(mode)),
      publish: async (file, { isOwnTrailer, ...facts }) => {
        const { objectFormat } = request;
        const isStored = await file.publish(key, { objectFormat, mode, ...facts }, isOwnTrailer);
        if (isStored) this.#metrics.stored();
      },
      onClosed: () => void this.#flights.delete(key),
    });
    this.#flights.set(key, flight);
    return flight;
  }

  /** Counts the bytes that go out, and tells when they all have. */
  #counted(outcome: PackOutcome, opened: OpenedPack, onEnd?: () => void): OpenedPack {
    const metrics = this.#metrics;
    const chunks = async function* () {
      for await (const chunk of opened.chunks) {
        metrics.sent(outcome, chunk.length);
        yield chunk;
      }
      onEnd?.();
    };
    return { ...opened, chunks: chunks() };
  }
}
