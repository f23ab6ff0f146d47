/**
 * A listing of references as a stream of JSON lines: HEAD first, then batches, then a line that says
 * how many there were. A stream without that last line was cut off, and is never taken for a
 * complete listing.
 *
 * @module
 */

import { z } from "zod";
import { GitStratumError } from "../../error.ts";
import { isOid, type Oid } from "../../git/oid.ts";
import { REFERENCE_LINE_BYTES_MAX } from "../../limits.ts";
import type { HeadInfo, Reference, ReferenceListing } from "./metadata.ts";

type ReferenceRow = readonly [string, Oid, Oid?];

const oid = z.custom<Oid>((value) => typeof value === "string" && isOid(value));
/** Schema of the first line. */
export const referenceHeadSchema: z.ZodType<
  { readonly head: { readonly target: string; readonly oid?: Oid | undefined } }
> = z.object({
  head: z.object({ target: z.string().min(1), oid: oid.optional() }),
});
/** Schema of the last line. */
export const referenceEndSchema: z.ZodType<{ readonly end: number }> = z.object({
  end: z.number().int().nonnegative(),
});

function isReferenceRow(row: unknown): row is ReferenceRow {
  return Array.isArray(row) && (row.length === 2 || row.length === 3) &&
    row.every((item) => typeof item === "string") && row[0] !== "" &&
    row.slice(1).every((item) => isOid(item));
}

function encodeLine(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(value)}\n`);
}

function rowOf({ name, oid, peeled }: Reference): ReferenceRow {
  return peeled === undefined ? [name, oid] : [name, oid, peeled];
}

/** The stream of a listing. Cancelling it ends the listing. */
export function encodeReferences(listing: ReferenceListing): ReadableStream<Uint8Array> {
  const batches = listing.references[Symbol.asyncIterator]();
  let count = 0;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encodeLine({ head: listing.head }));
    },
    async pull(controller) {
      const { done, value } = await batches.next();
      if (done) {
        controller.enqueue(encodeLine({ end: count }));
        controller.close();
        return;
      }
      count += value.length;
      controller.enqueue(encodeLine(value.map(rowOf)));
    },
    async cancel() {
      await batches.return?.();
    },
  });
}

/**
 * The listing of a stream; resolves when HEAD has arrived.
 *
 * @throws `unavailable` when the stream breaks off or holds something else; so does its iterator
 */
export async function decodeReferences(
  stream: ReadableStream<Uint8Array>,
): Promise<ReferenceListing> {
  const lines = readLines(stream);
  const first = await lines.next();
  const parsed = first.done ? undefined : referenceHeadSchema.safeParse(first.value).data;
  if (parsed === undefined) {
    await lines.return(undefined);
    throw broken("the first line is not HEAD");
  }
  return { head: parsed.head as HeadInfo, references: readBatches(lines) };
}

async function* readBatches(lines: AsyncGenerator<unknown>): AsyncGenerator<readonly Reference[]> {
  let count = 0;
  for await (const line of lines) {
    const end = referenceEndSchema.safeParse(line).data;
    if (end !== undefined) {
      if (end.end !== count) throw broken("the number of references differs");
      return;
    }
    if (!Array.isArray(line) || !line.every(isReferenceRow)) throw broken("a line is no batch");
    count += line.length;
    yield line.map(([name, oid, peeled]) =>
      peeled === undefined ? { name, oid } : { name, oid, peeled }
    );
  }
  throw broken("the stream ends early");
}

/** Parsed lines of a stream, each bounded. */
async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of stream) {
      const pieces = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = pieces.pop()!;
      if (rest.length > REFERENCE_LINE_BYTES_MAX) throw broken("a line is too long");
      for (const piece of pieces) yield JSON.parse(piece);
    }
  } catch (cause) {
    if (cause instanceof GitStratumError) throw cause;
    throw broken("it can not be read", cause);
  }
  if (rest !== "") throw broken("the last line is not ended");
}

function broken(reason: string, cause?: unknown): GitStratumError {
  return new GitStratumError("unavailable", "Receive a broken listing of references", {
    data: { reason },
    ...(cause === undefined ? {} : { cause }),
  });
}
