/**
 * The network indexes that a node holds in memory.
 *
 * An index is loaded from the extents of its groups, in slices, when it is first asked for, grows by the groups
 * that the catalogue has beyond it, and is made anew when the catalogue lost a group. The networks used
 * longest ago make room for others.
 *
 * Fault model: an index that could not be loaded to its end is dropped; the next caller starts again.
 *
 * @module
 */

import { concatBytes, FRESH_INDEX_BYTES_MAX, GitStratumError, MIB } from "@gitstratum/core";
import { PackIndex } from "@gitstratum/core/pack";
import {
  type ExtentStore,
  type GroupId,
  type PackGroup,
  packId,
  packRanges,
} from "@gitstratum/core/rpc";
import type {
  CataloguedGroup,
  PackCatalogue,
  RepositoryRefsView,
} from "../state/pack_catalogue.ts";
import { AncestorSets } from "./ancestor_sets.ts";
import type { BlockCache } from "./block_cache.ts";
import { ByteBoundedCache } from "./byte_bounded_cache.ts";
import { Introductions } from "./introductions.ts";
import { NetworkIndex } from "./network_index.ts";
import { type ObjectCache, ObjectReader } from "./object_reader.ts";
import { SLICE_STEPS, Slices } from "./slices.ts";

/** Index files that are read at the same time: thousands of small groups wait for the network. */
const CONCURRENT_INDEX_READS = 16;

/** Indexes of pushes that were checked a moment ago, in bytes. */
const FRESH_BYTES_MAX = 1 * MIB;

/** A network in memory. */
export interface OpenNetwork {
  readonly network: NetworkIndex;
  readonly reader: ObjectReader;
  readonly introductions: Introductions;
  readonly ancestors: AncestorSets;
}

interface NetworkEntry extends OpenNetwork {
  readonly generation: number;
  /** Sequence of the newest group that was added. */
  sequence: number;
  growing: Promise<void> | undefined;
}

/** Opens networks and keeps them. */
export class NetworkStore {
  readonly #catalogue: PackCatalogue;
  readonly #extents: Pick<ExtentStore, "read">;
  readonly #blocks: BlockCache;
  readonly #objects: ObjectCache;
  readonly #bytesMax: number;
  readonly #entries: ByteBoundedCache<string, NetworkEntry>;
  readonly #fresh = new ByteBoundedCache<GroupId, PackIndex>(FRESH_BYTES_MAX);
  #networkCount = 0;

  /** Makes a store that keeps about `bytesMax` bytes of indexes, and always the newest network. */
  constructor(
    options: {
      readonly catalogue: PackCatalogue;
      readonly extents: Pick<ExtentStore, "read">;
      readonly blocks: BlockCache;
      readonly objects: ObjectCache;
      readonly bytesMax: number;
    },
  ) {
    this.#catalogue = options.catalogue;
    this.#extents = options.extents;
    this.#blocks = options.blocks;
    this.#objects = options.objects;
    this.#bytesMax = options.bytesMax;
    this.#entries = new ByteBoundedCache(options.bytesMax);
  }

  /**
   * The network of a repository with at least the groups that the catalogue has now.
   *
   * @throws `corrupt` when an index is damaged or refers to what the network lacks
   */
  async open(refs: RepositoryRefsView): Promise<OpenNetwork> {
    const { networkId } = refs;
    let wanted = this.#catalogue.version(networkId);
    for (;;) {
      const entry = this.#entry(refs, wanted.generation);
      if (entry.sequence >= wanted.sequence) return entry;
      entry.growing ??= this.#grow(entry, refs).finally(() => entry.growing = undefined);
      await entry.growing;
      // Groups that were let go meanwhile never come.
      const found = this.#catalogue.version(networkId);
      if (found.generation !== wanted.generation) wanted = found;
    }
  }

  /** Keeps the index of a group that may be in the catalogue soon, so that it need not be read. */
  noteIndex({ groupId, indexBytes }: PackGroup, index: PackIndex): void {
    if (indexBytes <= FRESH_INDEX_BYTES_MAX) this.#fresh.set(groupId, index, indexBytes);
  }

  #entry(refs: RepositoryRefsView, generation: number): NetworkEntry {
    const known = this.#entries.get(refs.networkId);
    if (known?.generation === generation) return known;
    const entry = this.#make(refs, generation);
    this.#entries.set(refs.networkId, entry, 0);
    return entry;
  }

  #make(refs: RepositoryRefsView, generation: number): NetworkEntry {
    const network = new NetworkIndex(refs.objectFormat);
    const reader = new ObjectReader(network, {
      blocks: this.#blocks,
      objects: this.#objects,
      networkNumber: this.#networkCount++,
    });
    const onGrowth = () => this.#account(refs.networkId, entry);
    const introductions = new Introductions(network, reader, { onGrowth });
    const ancestors = new AncestorSets(network.graph, { onGrowth });
    const state = { generation, sequence: 0, growing: undefined };
    const entry: NetworkEntry = { network, reader, introductions, ancestors, ...state };
    return entry;
  }

  async #grow(entry: NetworkEntry, refs: RepositoryRefsView): Promise<void> {
    const { networkId } = refs;
    try {
      const slices = new Slices();
      const groups = this.#catalogue.groups(networkId, entry.sequence);
      const { sequence: counted } = this.#catalogue.version(networkId);
      for (let at = 0; at < groups.length; at += CONCURRENT_INDEX_READS) {
        const batch = groups.slice(at, at + CONCURRENT_INDEX_READS);
        const indexes = await Promise.all(batch.map((group) => this.#readIndex(group, slices)));
        for (const [number, { group, sequence }] of batch.entries()) {
          const cost = stepCost(indexes[number]!.objectCount);
          for (const _ of entry.network.adding(group, indexes[number]!)) {
            if (slices.spend(cost)) await slices.pause();
          }
          entry.sequence = sequence;
        }
      }
      // The last one may have been counted again: another push named a group that was there.
      entry.sequence = Math.max(entry.sequence, counted);
    } catch (error) {
      if (this.#entries.get(networkId) === entry) this.#entries.delete(networkId);
      throw error;
    }
    this.#account(networkId, entry);
  }

  /** Counts what an entry takes now, unless another one is in its place. */
  #account(networkId: string, entry: NetworkEntry): void {
    if (this.#entries.get(networkId) !== entry) return;
    const bytes = entry.network.bytes + entry.introductions.bytes + entry.ancestors.bytes;
    this.#entries.set(networkId, entry, Math.min(bytes, this.#bytesMax));
  }

  async #readIndex({ group }: CataloguedGroup, slices: Slices): Promise<PackIndex> {
    const { groupId, indexBytes, extentBytes } = group;
    const fresh = this.#fresh.get(groupId);
    if (fresh !== undefined) {
      // From now on the network accounts for it.
      this.#fresh.delete(groupId);
      return fresh;
    }
    const cost = stepCost(group.historyCount + group.contentCount);
    const pack = packId(groupId, "i");
    const range = { offset: 0, length: indexBytes, extentBytes };
    const pieces = await Promise.all(
      Array.from(packRanges(pack, range), ({ id, ...part }) => this.#extents.read(id, part)),
    );
    try {
      return await PackIndex.openInSteps(
        concatBytes(pieces),
        () => slices.spend(cost) ? slices.pause() : undefined,
      );
    } catch (cause) {
      throw new GitStratumError("corrupt", "Fail to open a pack index", {
        data: { groupId },
        cause,
      });
    }
  }
}

/** What one step of opening or adding an index counts for: steps of small ones take no time. */
function stepCost(objectCount: number): number {
  return Math.min(objectCount, SLICE_STEPS / 2);
}
