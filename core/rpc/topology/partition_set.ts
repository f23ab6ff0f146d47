/**
 * A set of partitions as short text: hexadecimal digits, one bit for each partition, the first one in
 * the highest bit of the first digit.
 *
 * @module
 */

import { z } from "zod";
import type { Partition } from "../../consensus/log.ts";
import { GitStratumError } from "../../error.ts";
import { PARTITION_COUNT } from "../../limits.ts";

const DIGIT_BITS = 4;
const TEXT = new RegExp(`^[0-9a-f]{${PARTITION_COUNT / DIGIT_BITS}}$`);

/** Schema of the text. */
export const partitionSetSchema: z.ZodType<string> = z.string().regex(TEXT);

/** The text of a set. */
export function encodePartitionSet(partitions: Iterable<Partition>): string {
  const digits = new Uint8Array(PARTITION_COUNT / DIGIT_BITS);
  for (const partition of partitions) {
    digits[Math.floor(partition / DIGIT_BITS)]! |= 8 >> (partition % DIGIT_BITS);
  }
  return Array.from(digits, (digit) => digit.toString(16)).join("");
}

/** The set that a text names. @throws `invalid` for any other text */
export function decodePartitionSet(text: string): ReadonlySet<Partition> {
  if (!TEXT.test(text)) {
    throw new GitStratumError("invalid", "Expect a set of partitions", {
      data: { found: text.slice(0, 80) },
    });
  }
  const partitions = new Set<Partition>();
  for (let partition = 0; partition < PARTITION_COUNT; partition++) {
    const digit = parseInt(text[Math.floor(partition / DIGIT_BITS)]!, 16);
    if ((digit & (8 >> (partition % DIGIT_BITS))) !== 0) partitions.add(partition as Partition);
  }
  return partitions;
}
