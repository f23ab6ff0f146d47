/**
 * Where the pack of a fetch comes from: its recipe, executed for this client alone, or the pack cache.
 *
 * @module
 */

import { checkRefused, type FetchRequest, type SideBandMode } from "@gitstratum/core/protocol";
import type {
  ExtentStore,
  Metadata,
  PlanRequest,
  RepositoryInfo,
  ShallowBoundary,
} from "@gitstratum/core/rpc";
import { MEMORY_EXECUTION_BYTES, MEMORY_READER_BYTES } from "@gitstratum/core";
import type { MemoryPermit, MemoryPermits } from "../admission/memory_permits.ts";
import type { RebuildObjects } from "../pack_assembly/pack_stream.ts";
import { executedPack, type OpenedPack } from "../pack_cache/opened_pack.ts";
import type { PackCache } from "../pack_cache/pack_cache.ts";
import { isShareable, packKey } from "../pack_cache/pack_key.ts";
import { TagDigests } from "./tag_digests.ts";

/** What packs are made with. */
export interface PackSourceOptions {
  readonly metadata: Metadata;
  readonly extents: ExtentStore;
  readonly rebuild: RebuildObjects;
  /** Shares packs between equal requests; absent = each is made for its client alone. */
  readonly cache?: PackCache;
  /** Digests that many sources share; absent = this source lists alone. */
  readonly tags?: TagDigests;
  /** Hands out what packs take while they are sent; absent = they take it. */
  readonly memory?: Pick<MemoryPermits, "acquire">;
}

/** How one pack is asked for. */
export interface PackCircumstances {
  /** Where history ends for the client. */
  readonly boundary: ShallowBoundary;
  /** Absent for clients that take the bare pack. */
  readonly mode: SideBandMode | undefined;
  /** The metadata has said for this very request that its wants may be asked for. */
  readonly areWantsChecked: boolean;
  readonly signal: AbortSignal;
}

/** Opens packs. */
export class PackSource {
  readonly #options: PackSourceOptions;
  readonly #tags: TagDigests;

  /** Makes a source. */
  constructor(options: PackSourceOptions) {
    this.#options = options;
    this.#tags = options.tags ?? new TagDigests(options.metadata);
  }

  /**
   * The pack of a request, once there is memory for it. Whoever opens it closes it.
   *
   * @throws `denied` when a want is not reachable
   * @throws `exhausted` when memory did not come free in time
   */
  async open(
    repository: RepositoryInfo,
    request: FetchRequest,
    circumstances: PackCircumstances,
  ): Promise<OpenedPack> {
    const { memory } = this.#options;
    // A fetch of what is new is short: it does not wait behind clones.
    const lane = request.haves.length === 0 ? "large" : "small";
    const bytes = MEMORY_READER_BYTES + MEMORY_EXECUTION_BYTES;
    const permit = await memory?.acquire({ bytes, lane, signal: circumstances.signal });
    if (permit === undefined) return await this.#open(repository, request, circumstances);
    try {
      const pack = await this.#open(repository, request, { ...circumstances, permit });
      return releasing(pack, permit);
    } catch (error) {
      permit.release();
      throw error;
    }
  }

  async #open(
    repository: RepositoryInfo,
    request: FetchRequest,
    circumstances: PackCircumstances & { readonly permit?: MemoryPermit },
  ): Promise<OpenedPack> {
    const { cache } = this.#options;
    const { boundary, mode, areWantsChecked, signal, permit } = circumstances;
    // What an execution takes is its own: whoever asked for it first may leave before it ends.
    let isExecuted = false;
    const execute = async (signal: AbortSignal) => {
      isExecuted = true;
      const own = permit?.split(MEMORY_EXECUTION_BYTES);
      try {
        const pack = await this.#execute(repository, request, { mode, signal });
        return own === undefined ? pack : releasing(pack, own);
      } catch (error) {
        own?.release();
        throw error;
      }
    };
    if (cache === undefined || mode === undefined || !isShareable(request)) {
      return await execute(signal);
    }
    if (!areWantsChecked) await this.#checkWants(repository, request);
    const tags = request.includeTag ? await this.#tags.of(repository) : undefined;
    const key = packKey(request, { repository, boundary, tags, mode });
    const { objectFormat } = repository;
    const isClone = request.haves.length === 0;
    const opening = cache.open(key, { execute, mode, objectFormat, isClone, signal });
    // An execution that somebody else began, or a stored pack.
    if (!isExecuted) permit?.shrink(MEMORY_EXECUTION_BYTES);
    return await opening;
  }

  async #execute(
    repository: RepositoryInfo,
    request: FetchRequest,
    options: { readonly mode: SideBandMode | undefined; readonly signal: AbortSignal },
  ): Promise<OpenedPack> {
    const { metadata, extents, rebuild } = this.#options;
    const recipe = await metadata.plan(repository, planRequest(request));
    return executedPack(recipe, { ...options, extents, rebuild });
  }

  /** A pack that is there already is still refused to those who may not ask for it any more. */
  async #checkWants(repository: RepositoryInfo, request: FetchRequest): Promise<void> {
    const { wants, clientShallow } = request;
    const question = { wants, clientShallow, haves: [] };
    checkRefused(await this.#options.metadata.negotiate(repository, question));
  }
}

/** The same pack; its end gives the permit back, whatever its end. */
function releasing(pack: OpenedPack, permit: MemoryPermit): OpenedPack {
  const chunks = async function* () {
    try {
      yield* pack.chunks;
    } finally {
      permit.release();
    }
  };
  const close = () => {
    pack.close();
    permit.release();
  };
  return { ...pack, chunks: chunks(), close };
}

function planRequest(request: FetchRequest): PlanRequest {
  const { wants, haves, clientShallow, depth, filter, thinPack, ofsDelta, includeTag } = request;
  return {
    wants,
    haves,
    clientShallow,
    thinPack,
    ofsDelta,
    includeTag,
    ...(depth === undefined ? {} : { depth }),
    ...(filter === undefined ? {} : { filter }),
  };
}
