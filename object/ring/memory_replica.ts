/**
 * A replica in memory: the test double, and the plainest statement of what a replica does.
 *
 * @module
 */

import { assert, type Clock, EXTENT_BYTES_MAX, GitStratumError } from "@gitstratum/core";
import type { ExtentId, NodeId } from "@gitstratum/core/rpc";
import type { HintName, ReplicaNode, ReplicaOutcome, ReplicaWrite } from "./replica_node.ts";
import { isLiving, type LifeVersion, type ReplicaRecord } from "./replica_record.ts";

interface Known {
  readonly write: ReplicaWrite;
  readonly atMs: number;
  damaged: boolean;
}

/** A {@link ReplicaNode} that forgets everything with its process. */
export class MemoryReplica implements ReplicaNode {
  readonly #known = new Map<ExtentId, Known>();
  readonly #hints = new Map<string, { readonly name: HintName; readonly write: ReplicaWrite }>();
  readonly #clock: Pick<Clock, "nowMs">;

  /** Makes an empty replica. */
  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
  }

  /** Makes a living copy fail its checksum from now on, until it is replaced. */
  damage(id: ExtentId): void {
    const known = this.#known.get(id);
    assert(known?.write.kind === "living", "Only copies can be damaged");
    known.damaged = true;
  }

  /** {@inheritDoc ReplicaNode.merge} */
  // deno-lint-ignore require-await -- failures must be rejections
  async merge(writes: readonly ReplicaWrite[]): Promise<readonly ReplicaOutcome[]> {
    for (const write of writes) checkWrite(write);
    return writes.map((write) => this.#mergeOne(write));
  }

  #mergeOne(write: ReplicaWrite): ReplicaOutcome {
    const known = this.#known.get(write.id);
    if (known !== undefined && known.write.version > write.version) {
      return { kind: "newer", version: known.write.version };
    }
    const replaces = known === undefined || known.write.version < write.version ||
      (known.damaged && isSameLength(known.write, write));
    if (!replaces) return { kind: isSame(known.write, write) ? "stored" : "differs" };
    this.#known.set(write.id, { write: copyOf(write), atMs: this.#clock.nowMs(), damaged: false });
    return { kind: "stored" };
  }

  /** {@inheritDoc ReplicaNode.read} */
  // deno-lint-ignore require-await -- failures must be rejections
  async read(
    id: ExtentId,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const known = this.#newest(id);
    if (known === undefined || known.write.kind === "removed") {
      throw new GitStratumError("not-found", "Find no such extent", { data: { id } });
    }
    const { bytes } = known.write;
    const { offset, length } = range;
    const sane = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 &&
      length >= 0 && offset + length <= bytes.length;
    if (!sane) {
      throw new GitStratumError("invalid", "Read outside the extent", { data: { id, ...range } });
    }
    if (known.damaged) {
      throw new GitStratumError("corrupt", "Find a damaged extent", { data: { id } });
    }
    return Uint8Array.from(bytes.subarray(offset, offset + length));
  }

  /** {@inheritDoc ReplicaNode.find} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async find(id: ExtentId): Promise<ReplicaRecord | undefined> {
    const known = this.#newest(id);
    return known && recordOf(known);
  }

  #newest(id: ExtentId): Known | undefined {
    const hinted = [...this.#hints.values()].filter(({ name }) => name.id === id);
    const all = [this.#known.get(id), ...hinted.map(({ write }) => knownHint(write))];
    return all.filter((known) => known !== undefined)
      .sort((a, b) => b.write.version - a.write.version)[0];
  }

  /** {@inheritDoc ReplicaNode.list} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async list(
    options: { readonly after?: ExtentId; readonly limit: number },
  ): Promise<readonly ReplicaRecord[]> {
    const after = options.after ?? "";
    return [...this.#known.values()]
      .filter(({ write }) => write.id > after)
      .sort((a, b) => a.write.id < b.write.id ? -1 : 1)
      .slice(0, options.limit)
      .map(recordOf);
  }

  /** {@inheritDoc ReplicaNode.forget} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async forget(
    records: readonly { readonly id: ExtentId; readonly version: LifeVersion }[],
  ): Promise<void> {
    for (const { id, version } of records) {
      if (this.#known.get(id)?.write.version === version) this.#known.delete(id);
    }
  }

  /** {@inheritDoc ReplicaNode.keepHint} */
  // deno-lint-ignore require-await -- failures must be rejections
  async keepHint(target: NodeId, write: ReplicaWrite): Promise<void> {
    checkWrite(write);
    const name = { target, id: write.id };
    const kept = this.#hints.get(hintKey(name));
    if (kept !== undefined && kept.write.version >= write.version) return;
    this.#hints.set(hintKey(name), { name, write: copyOf(write) });
  }

  /** {@inheritDoc ReplicaNode.hints} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async hints(
    options: { readonly after?: HintName; readonly limit: number },
  ): Promise<readonly HintName[]> {
    const after = options.after === undefined ? "" : hintKey(options.after);
    return [...this.#hints.entries()]
      .filter(([key]) => key > after)
      .sort(([a], [b]) => a < b ? -1 : 1)
      .slice(0, options.limit)
      .map(([, { name }]) => name);
  }

  /** {@inheritDoc ReplicaNode.readHint} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async readHint(name: HintName): Promise<ReplicaWrite | undefined> {
    const kept = this.#hints.get(hintKey(name));
    return kept && copyOf(kept.write);
  }

  /** {@inheritDoc ReplicaNode.dropHint} */
  // deno-lint-ignore require-await -- the contract is asynchronous
  async dropHint(name: HintName, version: LifeVersion): Promise<void> {
    const kept = this.#hints.get(hintKey(name));
    if (kept !== undefined && kept.write.version <= version) this.#hints.delete(hintKey(name));
  }
}

/**
 * Checks a write's form.
 *
 * @throws `exhausted` when the extent is above its limit
 */
export function checkWrite(write: ReplicaWrite): void {
  assert(isLiving(write.version) === (write.kind === "living"), "Even versions live");
  if (write.kind === "removed" || write.bytes.length <= EXTENT_BYTES_MAX) return;
  throw new GitStratumError("exhausted", "Refuse an extent above its limit", {
    data: { id: write.id, bytes: write.bytes.length, bytesMax: EXTENT_BYTES_MAX },
  });
}

function recordOf({ write, atMs, damaged }: Known): ReplicaRecord {
  const { id, version } = write;
  if (write.kind === "removed") return { kind: "removed", id, version, removedAtMs: atMs };
  const { owner, bytes } = write;
  return {
    kind: "living",
    id,
    version,
    owner,
    bytes: bytes.length,
    writtenAtMs: atMs,
    damaged,
  };
}

function isSame(a: ReplicaWrite, b: ReplicaWrite): boolean {
  if (a.kind === "removed" || b.kind === "removed") return a.kind === b.kind;
  return isSameLength(a, b) && a.bytes.every((byte, index) => byte === b.bytes[index]);
}

function isSameLength(a: ReplicaWrite, b: ReplicaWrite): boolean {
  return a.kind === "living" && b.kind === "living" && a.bytes.length === b.bytes.length;
}

function copyOf(write: ReplicaWrite): ReplicaWrite {
  return write.kind === "removed" ? write : { ...write, bytes: Uint8Array.from(write.bytes) };
}

function knownHint(write: ReplicaWrite): Known {
  return { write, atMs: 0, damaged: false };
}

function hintKey({ target, id }: HintName): string {
  return `${id}/${target}`;
}
