/**
 * A replica over a segment store.
 *
 * Extents keep the keys and owners that a node without a ring gives them. Beside them are:
 *
 * | key | owner | content |
 * | --- | --- | --- |
 * | `s/{id}/a` or `/b` | version, decimal | none: the state of an id beyond its first life |
 * | `h/{id}/{target}` | version, a slash, the extent's owner or `-` | a hint's bytes, none for a removal |
 *
 * An id's version is the greatest of its states; without one it is 0 when there are bytes. A state is
 * raised by writing the slot that does not hold the greatest, so that a crash at any moment leaves one
 * of them. Odd: the bytes, should any be left, do not count. Even: they were written before the state.
 *
 * Invariants: merges of one id run one after another. What a merge answered survives any crash.
 *
 * @module
 */

import { assert, GitStratumError, hasCode } from "@gitstratum/core";
import { type ExtentId, type NetworkId, type NodeId, parseExtentId } from "@gitstratum/core/rpc";
import { AFTER_EXTENT_KEYS } from "../segment_extents.ts";
import type { SegmentStore } from "../segment_store.ts";
import { KeyedQueue } from "./keyed_queue.ts";
import { checkWrite } from "./memory_replica.ts";
import type { HintName, ReplicaNode, ReplicaOutcome, ReplicaWrite } from "./replica_node.ts";
import {
  isLiving,
  type LifeVersion,
  parseLifeVersion,
  type ReplicaRecord,
} from "./replica_record.ts";

const SLOTS = ["a", "b"] as const;
const STATES = { from: "s/", to: "s0" } as const;
const HINTS = { from: "h/", to: "h0" } as const;
const PAGE_COUNT = 1024;

interface State {
  readonly version: LifeVersion;
  /** The slot that holds it. */
  readonly slot: typeof SLOTS[number];
  readonly atMs: number;
}

/** A durable {@link ReplicaNode}. */
export class SegmentReplica implements ReplicaNode {
  readonly #store: SegmentStore;
  readonly #queue = new KeyedQueue<string>();
  /** Targets of the kept hints: readers ask for an id without knowing them. */
  readonly #hinted = new Map<ExtentId, Set<NodeId>>();

  /** Takes over an open store; it stays its owner's to close. */
  constructor(store: SegmentStore) {
    this.#store = store;
    for (const key of this.#keys(HINTS)) this.#noteHint(parseHintKey(key));
  }

  /** {@inheritDoc ReplicaNode.merge} */
  async merge(writes: readonly ReplicaWrite[]): Promise<readonly ReplicaOutcome[]> {
    for (const write of writes) checkWrite(write);
    const merging = writes.map((write) => this.#queue.run(write.id, () => this.#mergeOne(write)));
    const outcomes = await Promise.allSettled(merging);
    return outcomes.map((outcome) => {
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value;
    });
  }

  async #mergeOne(write: ReplicaWrite): Promise<ReplicaOutcome> {
    const { id, version } = write;
    const known = this.#versionOf(id);
    if (known !== undefined && known > version) return { kind: "newer", version: known };
    if (write.kind === "removed") {
      await this.#raise(id, version);
      await this.#store.remove([id]);
      return { kind: "stored" };
    }
    // Bytes of a former life, left by a crash or still living, would be a conflict.
    if (known !== version) await this.#store.remove([id]);
    try {
      await this.#store.put([{ key: id, owner: write.owner, bytes: write.bytes }]);
    } catch (error) {
      if (hasCode(error, "conflict")) return { kind: "differs" };
      throw error;
    }
    if (version > 0) await this.#raise(id, version);
    return { kind: "stored" };
  }

  /** {@inheritDoc ReplicaNode.read} */
  // deno-lint-ignore require-await -- failures must be rejections
  async read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const own = this.#versionOf(id) ?? -1;
    const hint = this.#newestHint(id);
    const version = Math.max(own, hint?.version ?? -1);
    if (version < 0 || !isLiving(version as LifeVersion)) {
      throw new GitStratumError("not-found", "Find no such extent", { data: { id } });
    }
    return this.#store.read(own === version ? id : hint!.key, range);
  }

  /** {@inheritDoc ReplicaNode.find} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async find(id: ExtentId): Promise<ReplicaRecord | undefined> {
    const own = this.#recordOf(id);
    const hint = this.#newestHint(id);
    return hint === undefined || (own !== undefined && own.version >= hint.version)
      ? own
      : this.#hintRecord(id, hint.key);
  }

  /** {@inheritDoc ReplicaNode.list} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async list(
    options: { readonly after?: ExtentId; readonly limit: number },
  ): Promise<readonly ReplicaRecord[]> {
    const found: ReplicaRecord[] = [];
    let after: string = options.after ?? "";
    while (found.length < options.limit) {
      const limit = options.limit - found.length;
      const named = [...this.#extentsAfter(after, limit), ...this.#statesAfter(after, limit)];
      const ids = [...new Set(named)].sort().slice(0, limit);
      if (ids.length === 0) break;
      after = ids.at(-1)!;
      // What a crash left of a record that was being forgotten is none.
      found.push(...ids.map((id) => this.#recordOf(id)).filter((record) => record !== undefined));
    }
    return found;
  }

  /** {@inheritDoc ReplicaNode.forget} */
  async forget(
    records: readonly { readonly id: ExtentId; readonly version: LifeVersion }[],
  ): Promise<void> {
    await Promise.all(records.map(({ id, version }) =>
      this.#queue.run(id, async () => {
        if (this.#versionOf(id) !== version) return;
        // Bytes first: a state without them is nothing, bytes without their state would be.
        await this.#store.remove([id]);
        await this.#store.remove(SLOTS.map((slot) => stateKey(id, slot)));
      })
    ));
  }

  /** {@inheritDoc ReplicaNode.keepHint} */
  async keepHint(target: NodeId, write: ReplicaWrite): Promise<void> {
    checkWrite(write);
    const name = { target, id: write.id };
    const key = hintKey(name);
    await this.#queue.run(key, async () => {
      const kept = this.#hintVersion(key);
      if (kept !== undefined && kept >= write.version) return;
      // A crash in between loses the older hint only, which nobody needs any more.
      await this.#store.remove([key]);
      const owner = `${write.version}/${write.kind === "living" ? write.owner : "-"}`;
      const bytes = write.kind === "living" ? write.bytes : new Uint8Array(0);
      await this.#store.put([{ key, owner, bytes }]);
      this.#noteHint(name);
    });
  }

  /** {@inheritDoc ReplicaNode.hints} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async hints(
    options: { readonly after?: HintName; readonly limit: number },
  ): Promise<readonly HintName[]> {
    const after = options.after === undefined ? HINTS.from : hintKey(options.after);
    return this.#store.list({ after, limit: options.limit })
      .filter(({ key }) => key < HINTS.to)
      .map(({ key }) => parseHintKey(key));
  }

  /** {@inheritDoc ReplicaNode.readHint} */
  // deno-lint-ignore require-await -- failures must be rejections
  async readHint(name: HintName): Promise<ReplicaWrite | undefined> {
    const key = hintKey(name);
    const info = this.#store.stat(key);
    if (info === undefined) return undefined;
    const { version, owner } = parseHintOwner(info.owner);
    if (!isLiving(version)) return { kind: "removed", id: name.id, version };
    return { kind: "living", id: name.id, version, owner, bytes: this.#store.read(key) };
  }

  /** {@inheritDoc ReplicaNode.dropHint} */
  async dropHint(name: HintName, version: LifeVersion): Promise<void> {
    const key = hintKey(name);
    await this.#queue.run(key, async () => {
      const kept = this.#hintVersion(key);
      if (kept === undefined || kept > version) return;
      await this.#store.remove([key]);
      const targets = this.#hinted.get(name.id);
      targets?.delete(name.target);
      if (targets?.size === 0) this.#hinted.delete(name.id);
    });
  }

  /** The version of what is known of an id, hints aside. */
  #versionOf(id: ExtentId): LifeVersion | undefined {
    const state = this.#stateOf(id);
    const hasBytes = this.#store.stat(id) !== undefined;
    if (state === undefined) return hasBytes ? 0 as LifeVersion : undefined;
    // Bytes are removed before their state, so a living state may be all that is left.
    return !isLiving(state.version) || hasBytes ? state.version : undefined;
  }

  #stateOf(id: ExtentId): State | undefined {
    let newest: State | undefined;
    for (const slot of SLOTS) {
      const info = this.#store.stat(stateKey(id, slot));
      if (info === undefined) continue;
      const version = parseLifeVersion(Number(info.owner));
      if (newest !== undefined && newest.version >= version) continue;
      newest = { version, slot, atMs: info.writtenAtMs };
    }
    return newest;
  }

  /** Makes a version the state of an id, in one step. */
  async #raise(id: ExtentId, version: LifeVersion): Promise<void> {
    const state = this.#stateOf(id);
    if (state !== undefined && state.version >= version) return;
    const slot = state?.slot === "a" ? "b" : "a";
    const key = stateKey(id, slot);
    await this.#store.remove([key]);
    await this.#store.put([{ key, owner: `${version}`, bytes: new Uint8Array(0) }]);
    if (state !== undefined) await this.#store.remove([stateKey(id, state.slot)]);
  }

  #recordOf(id: ExtentId): ReplicaRecord | undefined {
    const version = this.#versionOf(id);
    if (version === undefined) return undefined;
    if (!isLiving(version)) {
      return { kind: "removed", id, version, removedAtMs: this.#stateOf(id)!.atMs };
    }
    const info = this.#store.stat(id)!;
    const { owner, bytes, writtenAtMs } = info;
    const damaged = this.#isDamaged(id);
    return { kind: "living", id, version, owner: owner as NetworkId, bytes, writtenAtMs, damaged };
  }

  #hintRecord(id: ExtentId, key: string): ReplicaRecord {
    const info = this.#store.stat(key)!;
    const { version, owner } = parseHintOwner(info.owner);
    const { bytes, writtenAtMs } = info;
    if (!isLiving(version)) return { kind: "removed", id, version, removedAtMs: writtenAtMs };
    const damaged = this.#isDamaged(key);
    return { kind: "living", id, version, owner, bytes, writtenAtMs, damaged };
  }

  #isDamaged(key: string): boolean {
    // Few or none are: they are repaired as soon as they are found.
    return this.#store.corruptKeys().includes(key);
  }

  #newestHint(id: ExtentId): { readonly key: string; readonly version: LifeVersion } | undefined {
    let newest: { readonly key: string; readonly version: LifeVersion } | undefined;
    for (const target of this.#hinted.get(id) ?? []) {
      const key = hintKey({ target, id });
      const version = this.#hintVersion(key);
      if (version === undefined || (newest !== undefined && newest.version >= version)) continue;
      newest = { key, version };
    }
    return newest;
  }

  #hintVersion(key: string): LifeVersion | undefined {
    const info = this.#store.stat(key);
    return info && parseHintOwner(info.owner).version;
  }

  #noteHint({ target, id }: HintName): void {
    const targets = this.#hinted.get(id);
    if (targets === undefined) this.#hinted.set(id, new Set([target]));
    else targets.add(target);
  }

  /** Ids with bytes, in order; those whose state says that they are removed included. */
  #extentsAfter(after: string, limit: number): ExtentId[] {
    return this.#store.list({ after, limit })
      .filter(({ key }) => key < AFTER_EXTENT_KEYS)
      .map(({ key }) => key as ExtentId);
  }

  /** Ids with a state, in order; an id may have two keys. */
  #statesAfter(after: string, limit: number): ExtentId[] {
    // "0" follows "/" in ASCII: after both slots of the id.
    const from = after === "" ? STATES.from : `${STATES.from}${after}0`;
    return this.#store.list({ after: from, limit: 2 * limit })
      .filter(({ key }) => key.startsWith(STATES.from))
      .map(({ key }) => key.slice(STATES.from.length, -2) as ExtentId);
  }

  *#keys(range: { readonly from: string; readonly to: string }): Generator<string> {
    for (let after: string = range.from;;) {
      const page = this.#store.list({ after, limit: PAGE_COUNT });
      for (const { key } of page) {
        if (key >= range.to) return;
        yield key;
      }
      if (page.length < PAGE_COUNT) return;
      after = page.at(-1)!.key;
    }
  }
}

function stateKey(id: ExtentId, slot: typeof SLOTS[number]): string {
  return `s/${id}/${slot}`;
}

function hintKey({ target, id }: HintName): string {
  return `h/${id}/${target}`;
}

function parseHintKey(key: string): HintName {
  const [, id, target] = key.split("/");
  assert(id !== undefined && target !== undefined, "A hint's key has an id and a target");
  return { target: target as NodeId, id: parseExtentId(id) };
}

function parseHintOwner(text: string): { version: LifeVersion; owner: NetworkId } {
  const [version, owner] = text.split("/");
  return { version: parseLifeVersion(Number(version)), owner: owner as NetworkId };
}
