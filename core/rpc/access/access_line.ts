/**
 * What a control node tells those who follow its access records, one JSON value a line: all of them
 * first, unless the reader knows them, then what changed, and a sign of life when nothing does.
 *
 * A whole copy is many lines between `begin` and `end` and counts only once it has ended. A change fits
 * the revision that it is from only. A record that a reader can not make sense of (a later release
 * wrote it) is as good as gone: records only ever permit something.
 *
 * @module
 */

import { z } from "zod";
import {
  type AccessChange,
  type AccessRecord,
  type RecordKey,
  recordKey,
} from "../../access/access_record.ts";
import { ACCESS_LINE_RECORD_COUNT_MAX } from "../../limits.ts";
import { accessRecordSchema } from "./record_schema.ts";

/** A change on the wire: the record that has a key now, or none. */
export interface KeyedRecord {
  /** Names the record even where its shape is not known. */
  readonly key: string;
  /** Absent when it is gone. */
  readonly record?: unknown;
}

/** A line of the stream. */
export type AccessLine =
  /** All records come, as they are at a revision. */
  | { readonly kind: "begin"; readonly revision: number }
  | { readonly kind: "records"; readonly records: readonly unknown[] }
  /** They all came, so many. */
  | { readonly kind: "end"; readonly count: number }
  | {
    readonly kind: "changes";
    readonly from: number;
    readonly revision: number;
    readonly changes: readonly KeyedRecord[];
  }
  /** Nothing is newer than this revision. */
  | { readonly kind: "alive"; readonly revision: number };

const revision = z.int().nonnegative();

/** Schema of {@link AccessLine}; records in it are looked at one by one. */
export const accessLineSchema: z.ZodType<AccessLine> = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("begin"), revision }),
  z.object({
    kind: z.literal("records"),
    records: z.array(z.unknown()).max(ACCESS_LINE_RECORD_COUNT_MAX),
  }),
  z.object({ kind: z.literal("end"), count: z.int().nonnegative() }),
  z.object({
    kind: z.literal("changes"),
    from: revision,
    revision,
    changes: z.array(z.object({ key: z.string(), record: z.unknown().optional() }))
      .max(ACCESS_LINE_RECORD_COUNT_MAX),
  }),
  z.object({ kind: z.literal("alive"), revision }),
]);

/** A change as it is sent. */
export function keyedRecord(change: AccessChange): KeyedRecord {
  return change.kind === "remove"
    ? { key: change.key }
    : { key: recordKey(change.record), record: change.record };
}

/** A record as it was received or stored; undefined when it has a shape that is not known here. */
export function readRecord(value: unknown): AccessRecord | undefined {
  const parsed = accessRecordSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

/** A change as it was received. */
export function readChange({ key, record }: KeyedRecord): AccessChange {
  const read = record === undefined ? undefined : readRecord(record);
  // A record under a foreign key would never be taken away again.
  if (read !== undefined && recordKey(read) === key) return { kind: "put", record: read };
  return { kind: "remove", key: key as RecordKey };
}
