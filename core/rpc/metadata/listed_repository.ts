/**
 * A repository and its reference lines in one answer (docs/formats/listed-repository.md): what every
 * push begins with.
 *
 * @module
 */

import { GitStratumError } from "../../error.ts";
import type { ListedRepository } from "./metadata.ts";
import { repositoryInfoSchema } from "./metadata_wire.ts";

const LENGTH_BYTES = 4;

/** Encodes a repository with its lines, if there are any. */
export function encodeListed({ repository, lines }: ListedRepository): Uint8Array<ArrayBuffer> {
  const facts = new TextEncoder().encode(JSON.stringify(repository));
  const linesAt = LENGTH_BYTES + facts.length;
  const bytes = new Uint8Array(linesAt + (lines?.length ?? 0));
  new DataView(bytes.buffer).setUint32(0, facts.length);
  bytes.set(facts, LENGTH_BYTES);
  if (lines !== undefined) bytes.set(lines, linesAt);
  return bytes;
}

/**
 * Decodes a repository with its lines, which share memory with `bytes`.
 *
 * @throws `unavailable` when it is something else: no fault of the caller, and the next may be good
 */
export function decodeListed(bytes: Uint8Array<ArrayBuffer>): ListedRepository {
  if (bytes.length < LENGTH_BYTES) throw broken("it ends early");
  const linesAt = LENGTH_BYTES + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (linesAt > bytes.length) throw broken("it ends early");
  const parsed = repositoryInfoSchema.safeParse(parse(bytes.subarray(LENGTH_BYTES, linesAt)));
  if (!parsed.success) throw broken("the repository has another shape");
  const repository = parsed.data;
  // Even no references are a line: that there are no more.
  return linesAt === bytes.length ? { repository } : { repository, lines: bytes.subarray(linesAt) };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw broken("the repository is no JSON", cause);
  }
}

function broken(reason: string, cause?: unknown): GitStratumError {
  return new GitStratumError("unavailable", "Receive a listed repository that is broken", {
    data: { reason },
    cause,
  });
}
