/**
 * Lays the objects of a push out as a history pack and a content pack, each in the order in which its
 * entries came, and hands both out as extents.
 *
 * Zlib streams are copied as they came. Only heads change: the distance to a base when other entries
 * stood in between, and the way a base is named. Runs of entries with nothing to change are copied at
 * once.
 *
 * @module
 */

import { MIB } from "@gitstratum/core/limits";
import { OBJECT_TYPE_CODES, type Oid } from "@gitstratum/core/git";
import { encodeEntryHead, type EntryStorage, OFS_DELTA, REF_DELTA } from "@gitstratum/core/pack";
import type { ExtentWrite } from "@gitstratum/core/rpc";
import { type GroupId, packId } from "@gitstratum/core/rpc/ids";
import {
  BASE_NONE,
  ENTRY_BASE_MOVED,
  ENTRY_IS_CUT,
  ENTRY_IS_DUPLICATE,
  ENTRY_IS_EXTERNAL,
} from "./object_table.ts";
import type { PackObjects } from "./pack_objects.ts";
import { PartWriter } from "./part_writer.ts";
import type { Spool } from "./spool.ts";

/** More than a head can grow when its base is named in another way. */
const HEAD_GROWTH_MAX = 40;
/** The place of an entry that is not written yet. */
const NOWHERE = -1;

/** What is written, and from where. */
export interface GroupWriterOptions {
  readonly groupId: GroupId;
  readonly objects: PackObjects;
  readonly spool: Spool;
  /** Entries of the pack as it came. */
  readonly entryCount: number;
  /** Offset behind the last entry of the pack as it came. */
  readonly entriesEnd: number;
}

/** Something to be appended to a part: bytes, or a run of the spool. */
interface Step {
  readonly part: PartWriter;
  readonly bytes?: Uint8Array;
  readonly start: number;
  end: number;
}

/** Steps that wait, so that runs can grow: a few entries' worth. */
const STEP_COUNT_MAX = 256;
/** Bytes of the spool that are copied before full extents are handed out. */
const COPY_BYTES_MAX = 1 * MIB;

/** Writes the two packs of a group. */
export class GroupWriter {
  /** By entry: offset in its new pack; {@link NOWHERE} for duplicates. */
  readonly offsets: Float64Array;
  /** By entry: how it is stored. */
  readonly storages: Uint8Array;
  /** Objects in the history pack. */
  historyCount = 0;
  /** Objects in the content pack. */
  contentCount = 0;

  readonly #options: GroupWriterOptions;
  readonly #objects: PackObjects;
  readonly #history: PartWriter;
  readonly #content: PartWriter;
  readonly #full: ExtentWrite[] = [];
  /** What was laid out and not written yet; the last step may still grow. */
  readonly #steps: Step[] = [];

  /** Makes a writer of resolved objects. */
  constructor(options: GroupWriterOptions) {
    const { groupId, objects, entryCount, entriesEnd } = options;
    const bytesMax = entriesEnd + objects.cuts.bytes + entryCount * HEAD_GROWTH_MAX;
    const part = (letter: "h" | "c") =>
      new PartWriter(packId(groupId, letter), { bytesMax, full: this.#full });
    this.#options = options;
    this.#objects = objects;
    this.#history = part("h");
    this.#content = part("c");
    this.offsets = new Float64Array(entryCount).fill(NOWHERE);
    this.storages = new Uint8Array(entryCount);
  }

  /** Bytes of the history pack, once all is laid out. */
  get historyBytes(): number {
    return this.#history.bytes;
  }

  /** Bytes of the content pack, once all is laid out. */
  get contentBytes(): number {
    return this.#content.bytes;
  }

  /** Writes everything; yields extents as they become full. */
  *extents(): Generator<ExtentWrite> {
    for (let entry = 0; entry < this.#options.entryCount; entry++) {
      if (this.#objects.table.is(entry, ENTRY_IS_DUPLICATE)) continue;
      this.#layOut(entry);
      if (this.#steps.length > STEP_COUNT_MAX || this.#isLong(this.#steps[0]!)) {
        yield* this.#takeSteps();
      }
    }
    yield* this.#takeSteps();
    this.#history.finish();
    this.#content.finish();
    yield* this.#takeFull();
  }

  /** Whether an object of this type belongs to the content pack. */
  static isContent(type: number): boolean {
    return type === OBJECT_TYPE_CODES.blob;
  }

  #layOut(entry: number): void {
    const { table, cuts } = this.#objects;
    const isContent = GroupWriter.isContent(table.types[entry]!);
    const part = isContent ? this.#content : this.#history;
    if (isContent) this.contentCount++;
    else this.historyCount++;
    this.offsets[entry] = part.bytes;
    if (table.is(entry, ENTRY_IS_CUT)) this.#appendBytes(part, cuts.read(entry));
    else if (table.bases[entry] === BASE_NONE) this.#appendEntry(part, entry);
    else this.#layOutDelta(entry, part);
  }

  #layOutDelta(entry: number, part: PartWriter): void {
    const { table, ids, source } = this.#objects;
    const base = source.canonical(table.bases[entry]!);
    const baseOffset = table.is(base, ENTRY_IS_EXTERNAL) ? NOWHERE : this.offsets[base]!;
    const cameAsOffset = table.codes[entry] === OFS_DELTA;
    if (baseOffset === NOWHERE) {
      this.storages[entry] = 2 satisfies EntryStorage;
      if (cameAsOffset) this.#appendRebased(part, entry, ids.hex(table.ids[base]!) as Oid);
      else this.#appendEntry(part, entry);
      return;
    }
    this.storages[entry] = 1 satisfies EntryStorage;
    const distance = this.offsets[entry]! - baseOffset;
    const unchanged = cameAsOffset && !table.is(entry, ENTRY_BASE_MOVED) &&
      distance === table.offsets[entry]! - table.offsets[base]!;
    if (unchanged) this.#appendEntry(part, entry);
    else this.#appendRebased(part, entry, distance);
  }

  #appendRebased(part: PartWriter, entry: number, base: number | Oid): void {
    const { table, reader } = this.#objects;
    const typeCode = typeof base === "number" ? OFS_DELTA : REF_DELTA;
    this.#appendBytes(part, encodeEntryHead({ typeCode, size: reader.inflatedBytes(entry), base }));
    const start = table.offsets[entry]! + table.headBytes[entry]!;
    this.#appendRun(part, start, this.#endOf(entry));
  }

  #appendEntry(part: PartWriter, entry: number): void {
    this.#appendRun(part, this.#objects.table.offsets[entry]!, this.#endOf(entry));
  }

  #endOf(entry: number): number {
    const { entryCount, entriesEnd } = this.#options;
    return entry + 1 < entryCount ? this.#objects.table.offsets[entry + 1]! : entriesEnd;
  }

  #appendRun(part: PartWriter, start: number, end: number): void {
    part.announce(end - start);
    const last = this.#steps.at(-1);
    const goesOn = last !== undefined && last.bytes === undefined && last.part === part &&
      last.end === start;
    if (goesOn) last.end = end;
    else this.#steps.push({ part, start, end });
  }

  #appendBytes(part: PartWriter, bytes: Uint8Array): void {
    part.announce(bytes.length);
    this.#steps.push({ part, bytes, start: 0, end: bytes.length });
  }

  #isLong(step: Step): boolean {
    return step.end - step.start >= COPY_BYTES_MAX;
  }

  /** Takes all steps that were laid out. */
  *#takeSteps(): Generator<ExtentWrite> {
    for (const { part, bytes, start, end } of this.#steps) {
      if (bytes !== undefined) part.write(bytes);
      else {
        for (let at = start; at < end; at += COPY_BYTES_MAX) {
          part.copy(this.#options.spool, at, Math.min(COPY_BYTES_MAX, end - at));
          yield* this.#takeFull();
        }
      }
      yield* this.#takeFull();
    }
    this.#steps.length = 0;
  }

  *#takeFull(): Generator<ExtentWrite> {
    yield* this.#full;
    this.#full.length = 0;
  }
}
