/**
 * From a set of objects to the steps of a pack stream.
 *
 * Order: materialised objects, then the history parts of all groups in commit order, then their
 * content parts, then materialised objects whose relative is in a part or among these last ones: a
 * delta comes after its base, without which some clients can not read it. Nothing is a delta of those
 * last ones but they themselves. A part of which every entry is sent is relayed as it is, in one range. Elsewhere
 * neighbouring entries join into ranges; an offset delta whose distance changed, or whose base is now
 * to be named by its id, gets another base reference.
 *
 * Invariants: an object is sent from its canonical entry only, so nothing comes twice and deltas form
 * no cycle. A delta is sent as a delta only when its base is sent too, or when the pack may be thin and
 * the client certainly has the base.
 *
 * @module
 */

import { assert } from "@gitstratum/core";
import { oidBytes } from "@gitstratum/core/git";
import { distanceBytes, isExternal } from "@gitstratum/core/pack";
import type { RecipePack, RecipeRelative, RecipeStep } from "@gitstratum/core/recipe";
import { type PackId, packId } from "@gitstratum/core/rpc";
import { BitSet } from "./bit_set.ts";
import { EntryRuns } from "./entry_runs.ts";
import { chainOf, locateEntry } from "./location.ts";
import type { NetworkIndex } from "./network_index.ts";
import { Relatives } from "./relatives.ts";
import type { Slices } from "./slices.ts";
import type { EntryPart, StoredGroup } from "./stored_group.ts";

/** Steps in one batch. */
const BATCH_STEPS = 512;

/** What is to be laid out. */
export interface LayoutRequest {
  /** Canonical positions of the objects to send. */
  readonly selected: BitSet;
  /** Whether the client certainly has an object, as a base for thin deltas; false for full packs. */
  readonly isBaseHad: (position: number) => boolean;
  /** Whether {@link isBaseHad} may say yes. */
  readonly isThin: boolean;
  readonly ofsDelta: boolean;
  readonly slices: Slices;
}

interface PartPlan {
  readonly group: StoredGroup;
  readonly part: EntryPart;
  readonly isRelayed: boolean;
}

/** A pack stream, laid out. */
export class PackLayout {
  /** Number of entries. */
  readonly objectCount: number;
  /** The packs that the steps read. */
  readonly packs: RecipePack[] = [];
  readonly #network: NetworkIndex;
  readonly #request: LayoutRequest;
  readonly #parts: PartPlan[] = [];
  /** Objects whose delta base is neither sent nor had. */
  readonly #materialised: BitSet;
  readonly #relatives: Relatives;
  /** Bases of entries that are sent as they are stored: nothing that they need may come late. */
  readonly #bases: BitSet;
  /** Materialised objects that come last. */
  readonly #late: BitSet;
  readonly #packNumbers = new Map<PackId, number>();

  private constructor(network: NetworkIndex, request: LayoutRequest) {
    this.#network = network;
    this.#request = request;
    this.#materialised = new BitSet(network.size);
    this.#bases = new BitSet(network.size);
    this.#late = new BitSet(network.size);
    this.#relatives = new Relatives(network, (position) => this.#isThere(position));
    this.objectCount = request.selected.count();
  }

  /** Lays the selected objects out. */
  static async make(network: NetworkIndex, request: LayoutRequest): Promise<PackLayout> {
    const layout = new PackLayout(network, request);
    for (const part of ["h", "c"] as const) {
      for (const group of network.groups) {
        layout.#planPart(group, part);
        const { first, end } = group.ordinals(part);
        if (request.slices.spend(((end - first) >>> 5) + 1)) await request.slices.pause();
      }
    }
    for (const position of layout.#materialised.items()) {
      // Clients before git 2.50 refuse a delta by the id of an entry that is one itself, of a base that
      // only they have, when they happen to have the entry too ("already resolved").
      if (!request.isThin) layout.#place(position);
      for (const at of chainOf(network, position)) layout.#packOf(at);
      const relative = layout.#relatives.of(position);
      for (const at of relative === undefined ? [] : chainOf(network, relative)) layout.#packOf(at);
      if (request.slices.spend(64)) await request.slices.pause();
    }
    return layout;
  }

  /** The steps, in batches. */
  async *steps(): AsyncGenerator<readonly RecipeStep[]> {
    let batch: RecipeStep[] = [];
    for (const step of this.#allSteps()) {
      batch.push(step);
      if (this.#request.slices.spend(16)) await this.#request.slices.pause();
      if (batch.length < BATCH_STEPS) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  #planPart(group: StoredGroup, part: EntryPart): void {
    const { first, end } = group.ordinals(part);
    const { selected, ofsDelta } = this.#request;
    const count = selected.count(group.start + first, group.start + end);
    if (count === 0) return;
    this.#addPack(group, part);
    // All bits of a part stand for canonical entries, so a full part has no superfluous copy.
    const isRelayed = count === end - first && (ofsDelta || group.offsetDeltaCounts[part] === 0) &&
      group.referenceDeltas.every((ordinal) =>
        ordinal < first || ordinal >= end || this.#isBaseThere(group, ordinal)
      );
    this.#parts.push({ group, part, isRelayed });
    if (isRelayed) {
      // Offset deltas of a whole part have their bases in it.
      for (const ordinal of group.referenceDeltas) this.#noteBase(group, ordinal);
      return;
    }
    for (const position of selected.items(group.start + first, group.start + end)) {
      const ordinal = position - group.start;
      if (this.#isBaseThere(group, ordinal)) this.#noteBase(group, ordinal);
      else this.#materialised.add(position);
    }
  }

  #noteBase(group: StoredGroup, ordinal: number): void {
    const base = group.base(ordinal);
    if (base !== undefined) this.#bases.add(base);
  }

  /** Finds the relative of a materialised object, and where in the pack that puts it. */
  #place(position: number): void {
    this.#relatives.place(position, (at) => this.#mayPrecede(at, position));
    const relative = this.#relatives.of(position);
    if (relative !== undefined && this.#comesLate(relative)) this.#late.add(position);
  }

  /** Whether a relative can stand before an object; objects are placed in the order of positions. */
  #mayPrecede(relative: number, position: number): boolean {
    if (this.#materialised.has(relative) && relative > position) return false;
    return !this.#comesLate(relative) || !this.#bases.has(position);
  }

  /** Whether what follows an object comes behind the parts. */
  #comesLate(position: number): boolean {
    if (this.#materialised.has(position)) return this.#late.has(position);
    return this.#request.selected.has(position);
  }

  #isBaseThere(group: StoredGroup, ordinal: number): boolean {
    const base = group.base(ordinal);
    return base === undefined || this.#isThere(base);
  }

  /** Whether the client has an object once it has the pack. */
  #isThere(position: number): boolean {
    return this.#request.selected.has(position) || this.#request.isBaseHad(position);
  }

  *#allSteps(): Generator<RecipeStep> {
    yield* this.#materialisedSteps({ late: false });
    let position = 0;
    for (const plan of this.#parts) {
      const steps = plan.isRelayed ? this.#relay(plan) : this.#entries(plan, position);
      for (let next = steps.next();; next = steps.next()) {
        if (next.done === true) {
          position += next.value;
          break;
        }
        yield next.value;
      }
    }
    yield* this.#materialisedSteps({ late: true });
  }

  *#materialisedSteps({ late }: { readonly late: boolean }): Generator<RecipeStep> {
    for (const position of this.#materialised.items()) {
      if (this.#late.has(position) === late) yield this.#materialise(position);
    }
  }

  #materialise(position: number): RecipeStep {
    const relative = this.#relatives.of(position);
    return {
      kind: "materialise",
      type: this.#network.typeAt(position),
      ...this.#storedObject(position),
      ...(relative === undefined ? {} : {
        relative: { oid: this.#network.oidAt(relative), ...this.#storedObject(relative) },
      }),
    };
  }

  #storedObject(position: number): Pick<RecipeRelative, "size" | "chain"> {
    const group = this.#network.groupAt(position);
    const chain = chainOf(this.#network, position).map((at) => {
      const { offset, length } = locateEntry(this.#network, at);
      return { pack: this.#packOf(at), offset, length };
    });
    return { size: group.index.sizeAt(position - group.start), chain };
  }

  /** A whole part; returns its length. */
  *#relay({ group, part }: PartPlan): Generator<RecipeStep, number> {
    const length = part === "h" ? group.group.historyBytes : group.group.contentBytes;
    yield { kind: "range", pack: this.#packNumber(group, part), offset: 0, length };
    return length;
  }

  /** The selected entries of a part; returns their length. */
  *#entries({ group, part }: PartPlan, start: number): Generator<RecipeStep, number> {
    const { index } = group;
    const { first, end } = group.ordinals(part);
    const pack = this.#packNumber(group, part);
    const runs = new EntryRuns(index);
    let position = start;
    let flushed = 0;
    let pending = 0;
    const flush = function* (): Generator<RecipeStep> {
      if (pending > 0) yield { kind: "range", pack, offset: flushed, length: pending };
      pending = 0;
    };
    for (const at of this.#request.selected.items(group.start + first, group.start + end)) {
      if (this.#materialised.has(at)) continue;
      const ordinal = at - group.start;
      const offset = index.offsetAt(ordinal);
      const length = index.lengthAt(ordinal);
      runs.place(ordinal, position);
      const rebased = this.#rebase(group, ordinal, { runs, position });
      if (rebased === undefined) {
        if (pending === 0 || flushed + pending !== offset) {
          yield* flush();
          flushed = offset;
        }
        pending += length;
        position += length;
        continue;
      }
      yield* flush();
      yield { kind: "rebase", base: rebased.base, pack, offset, length };
      position += length + rebased.growth;
    }
    yield* flush();
    return position - start;
  }

  /** Another base reference for a delta entry, or undefined when the stored one is right. */
  #rebase(
    group: StoredGroup,
    ordinal: number,
    place: { readonly runs: EntryRuns; readonly position: number },
  ): Pick<RecipeStep & { kind: "rebase" }, "base"> & { readonly growth: number } | undefined {
    const { index } = group;
    if (index.storageAt(ordinal) !== 1) return undefined;
    const reference = index.baseAt(ordinal);
    assert(!isExternal(reference), "An offset delta has its base in its own pack");
    const stored = index.offsetAt(ordinal) - index.offsetAt(reference);
    const base = group.canonical(reference);
    const isNear = this.#request.ofsDelta && base === group.start + reference &&
      this.#request.selected.has(base) && !this.#materialised.has(base);
    if (!isNear) {
      const growth = oidBytes(index.format) - distanceBytes(stored);
      return { base: index.oidAt(reference), growth };
    }
    const distance = place.position - place.runs.positionOf(reference);
    if (distance === stored) return undefined;
    return { base: distance, growth: distanceBytes(distance) - distanceBytes(stored) };
  }

  #packOf(position: number): number {
    const group = this.#network.groupAt(position);
    return this.#addPack(group, group.index.partAt(position - group.start));
  }

  #addPack(group: StoredGroup, part: EntryPart): number {
    const pack = packId(group.group.groupId, part);
    const known = this.#packNumbers.get(pack);
    if (known !== undefined) return known;
    this.#packNumbers.set(pack, this.packs.length);
    return this.packs.push({ pack, extentBytes: group.group.extentBytes }) - 1;
  }

  #packNumber(group: StoredGroup, part: EntryPart): number {
    const number = this.#packNumbers.get(packId(group.group.groupId, part));
    assert(number !== undefined, "A planned part has its pack listed");
    return number;
  }
}
