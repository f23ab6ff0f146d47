/**
 * A network for tests: extents in memory, and as much of the metadata as an ingest asks.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { type ObjectFormat, type Oid, oidBytes } from "@gitstratum/core/git";
import {
  encodePackHeader,
  externalRow,
  isExternal,
  NO_BASE,
  PackIndex,
} from "@gitstratum/core/pack";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type EntryLocation,
  type LocatedObject,
  MemoryExtentStore,
  type Metadata,
  type NetworkId,
  type PackGroup,
  packId,
  type PackPart,
  packRanges,
  partBytes,
  type RepositoryId,
  type RepositoryInfo,
  type RepositoryName,
} from "@gitstratum/core/rpc";

/** A stored group and its index. */
interface StoredGroup {
  readonly group: PackGroup;
  readonly index: PackIndex;
}

/** One network with one repository, which reaches everything unless it is hidden. */
export class NetworkFake implements Pick<Metadata, "known" | "locate"> {
  /** Where ingests write. */
  readonly extents: MemoryExtentStore = new MemoryExtentStore();
  /** Its repository. */
  readonly repository: RepositoryInfo;
  /** Objects that the network has and the repository does not reach. */
  readonly hidden = new Set<Oid>();

  readonly #groups: StoredGroup[] = [];
  readonly #aliases = new Map<Oid, Oid>();

  /** Makes an empty network. */
  constructor(format: ObjectFormat = "sha1") {
    this.repository = {
      repositoryId: "1".repeat(32) as RepositoryId,
      networkId: "2".repeat(32) as NetworkId,
      name: "o/n" as RepositoryName,
      objectFormat: format,
      head: "refs/heads/main",
      createdAtMs: 0,
      settings: DEFAULT_REPOSITORY_SETTINGS,
    };
  }

  /** Makes a stored group part of the network; returns its index. */
  async commit(group: PackGroup): Promise<PackIndex> {
    const index = PackIndex.open(await this.part(group, "i"));
    this.#groups.push({ group, index });
    return index;
  }

  /** Makes the network answer for `oid` with another object's bytes. */
  alias(oid: Oid, other: Oid): void {
    this.#aliases.set(oid, other);
  }

  /** All bytes of a part of a group. */
  async part(group: PackGroup, part: PackPart): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(partBytes(group, part));
    let at = 0;
    const whole = { offset: 0, length: bytes.length, extentBytes: group.extentBytes };
    for (const range of packRanges(packId(group.groupId, part), whole)) {
      bytes.set(await this.extents.read(range.id, range), at);
      at += range.length;
    }
    return bytes;
  }

  /** The group as one pack in git's format. */
  async reassemble(group: PackGroup): Promise<Uint8Array<ArrayBuffer>> {
    const hash = createHash(this.repository.objectFormat);
    const parts = [
      encodePackHeader(group.historyCount + group.contentCount),
      await this.part(group, "h"),
      await this.part(group, "c"),
    ];
    for (const part of parts) hash.update(part);
    return new Uint8Array(await new Blob([...parts, new Uint8Array(hash.digest())]).arrayBuffer());
  }

  /** {@inheritDoc Metadata.known} */
  known(_key: unknown, oids: Uint8Array<ArrayBuffer>): Promise<Uint32Array> {
    const width = oidBytes(this.repository.objectFormat);
    const rows: number[] = [];
    for (let row = 0; row < oids.length / width; row++) {
      const isKnown = this.#groups.some(({ index }) => index.find(oids, row * width) >= 0);
      if (isKnown) rows.push(row);
    }
    return Promise.resolve(Uint32Array.from(rows));
  }

  /** {@inheritDoc Metadata.locate} */
  locate(
    _key: unknown,
    request: { readonly oids: readonly Oid[]; readonly scope: "repository" | "network" },
  ): Promise<LocatedObject[]> {
    return Promise.resolve(request.oids.flatMap((oid) => {
      if (request.scope === "repository" && this.hidden.has(oid)) return [];
      const found = this.#find(oid);
      if (found === undefined) return [];
      const { stored, ordinal } = found;
      return [{
        oid,
        type: stored.index.typeAt(ordinal),
        size: stored.index.sizeAt(ordinal),
        chain: this.#chain(stored, ordinal),
      }];
    }));
  }

  #find(oid: Oid): { readonly stored: StoredGroup; readonly ordinal: number } | undefined {
    const wanted = Uint8Array.fromHex(this.#aliases.get(oid) ?? oid);
    for (const stored of this.#groups) {
      const ordinal = stored.index.find(wanted);
      if (ordinal >= 0) return { stored, ordinal };
    }
    return undefined;
  }

  #chain(stored: StoredGroup, ordinal: number): EntryLocation[] {
    const { index, group } = stored;
    const entry: EntryLocation = {
      pack: packId(group.groupId, index.partAt(ordinal)),
      offset: index.offsetAt(ordinal),
      length: index.lengthAt(ordinal),
      extentBytes: group.extentBytes,
    };
    const base = index.baseAt(ordinal);
    if (base === NO_BASE) return [entry];
    if (!isExternal(base)) return [entry, ...this.#chain(stored, base)];
    const next = this.#find(index.externalOid(externalRow(base)))!;
    return [entry, ...this.#chain(next.stored, next.ordinal)];
  }
}
