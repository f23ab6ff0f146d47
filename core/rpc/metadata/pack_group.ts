/**
 * Pack groups as they appear in requests and in the log.
 *
 * @module
 */

import { z } from "zod";
import {
  type ExtentId,
  extentId,
  type GroupId,
  type PackId,
  packId,
  type PackPart,
  parseGroupId,
} from "../ids.ts";

/** Schema of {@link PackGroup}. */
export const packGroupSchema: z.ZodType<PackGroup> = z.object({
  groupId: z.string().transform((text) => parseGroupId(text)),
  historyBytes: z.number().int().nonnegative(),
  contentBytes: z.number().int().nonnegative(),
  indexBytes: z.number().int().positive(),
  historyCount: z.number().int().nonnegative(),
  contentCount: z.number().int().nonnegative(),
  extentBytes: z.number().int().positive(),
}) as unknown as z.ZodType<PackGroup>;

/** What a push stored: sizes of the three parts and how they are cut. */
export interface PackGroup {
  /** The group. */
  readonly groupId: GroupId;
  /** Bytes of the history pack: entries only, neither header nor trailer. 0 = there is none. */
  readonly historyBytes: number;
  /** Bytes of the content pack. 0 = there is none. */
  readonly contentBytes: number;
  /** Bytes of the index. */
  readonly indexBytes: number;
  /** Objects in the history pack. */
  readonly historyCount: number;
  /** Objects in the content pack. */
  readonly contentCount: number;
  /** Bytes of every extent but the last of a part. */
  readonly extentBytes: number;
}

/** Bytes of one part of a group. */
export function partBytes(group: PackGroup, part: PackPart): number {
  switch (part) {
    case "h":
      return group.historyBytes;
    case "c":
      return group.contentBytes;
    case "i":
      return group.indexBytes;
  }
}

/** All extents of a group. */
export function* groupExtents(group: PackGroup): Generator<ExtentId> {
  for (const part of ["h", "c", "i"] as const) {
    const count = Math.ceil(partBytes(group, part) / group.extentBytes);
    for (let index = 0; index < count; index++) {
      yield extentId(packId(group.groupId, part), index);
    }
  }
}

/** A run of bytes inside one extent. */
export interface ExtentRange {
  /** The extent. */
  readonly id: ExtentId;
  /** First byte within the extent. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** The extent ranges that hold `length` bytes at `offset` of a pack. */
export function* packRanges(
  pack: PackId,
  range: { readonly offset: number; readonly length: number; readonly extentBytes: number },
): Generator<ExtentRange> {
  let position = range.offset;
  const end = range.offset + range.length;
  while (position < end) {
    const index = Math.floor(position / range.extentBytes);
    const offset = position - index * range.extentBytes;
    const length = Math.min(range.extentBytes - offset, end - position);
    yield { id: extentId(pack, index), offset, length };
    position += length;
  }
}
