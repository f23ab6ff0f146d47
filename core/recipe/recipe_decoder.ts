/**
 * Decodes recipes from the wire, as `docs/formats/recipe.md` describes it. Steps are decoded when the
 * consumer asks for the next batch, so a recipe is never held as a whole.
 *
 * Fault model: the sender may fail or vanish at any byte. A recipe is complete only when its end
 * mark, with the right number of steps, has been read; whatever else ends the stream is an error.
 *
 * @module
 */

import { ERROR_CODES, type ErrorCode, type ErrorData, GitStratumError } from "../error.ts";
import { objectTypeOf } from "../git/object_type.ts";
import { type ObjectFormat, type Oid, oidBytes } from "../git/oid.ts";
import {
  RECIPE_CHAIN_COUNT_MAX,
  RECIPE_HEADER_BYTES_MAX,
  RECIPE_STEP_BYTES_MAX,
} from "../limits.ts";
import { ByteSource } from "./byte_source.ts";
import type { Recipe, RecipeHeader, RecipeRange, RecipeStep } from "./recipe.ts";
import { RECIPE_MAGIC, RECIPE_OPCODE, RECIPE_PREAMBLE_BYTES } from "./recipe_format.ts";
import { parseRecipeHeader } from "./recipe_header.ts";
import { readVarint, type VarintCursor } from "./varint.ts";

const truncated = () =>
  new GitStratumError("corrupt", "Reject a recipe that stops before its end", {});

function corrupt(reason: string, data: ErrorData = {}): GitStratumError {
  return new GitStratumError("corrupt", "Reject a malformed recipe", { data: { reason, ...data } });
}

/** Reads a value; an end of the bytes inside it is signalled by {@link NEED_MORE}. */
function take(cursor: VarintCursor): number {
  const value = readVarint(cursor);
  if (value === undefined) throw NEED_MORE;
  return value;
}

/** Thrown inside the decoder only, when a step is not yet complete. */
const NEED_MORE = Symbol("need more bytes");

function takeBytes(cursor: VarintCursor, length: number): Uint8Array {
  if (length > RECIPE_STEP_BYTES_MAX) throw corrupt("a step is too long", { length });
  const end = cursor.offset + length;
  if (end > cursor.bytes.length) throw NEED_MORE;
  const bytes = cursor.bytes.slice(cursor.offset, end);
  cursor.offset = end;
  return bytes;
}

function takeOid(cursor: VarintCursor, format: ObjectFormat): Oid {
  return takeBytes(cursor, oidBytes(format)).toHex() as Oid;
}

function takeRange(cursor: VarintCursor, packCount: number): RecipeRange {
  const pack = take(cursor);
  const offset = take(cursor);
  const length = take(cursor);
  if (pack >= packCount) throw corrupt("a range names an unknown pack", { pack, packCount });
  if (!Number.isSafeInteger(offset + length)) throw corrupt("a range ends nowhere");
  return { pack, offset, length };
}

/** A stored entry whose base is replaced; `base` reads the new one. */
function takeRebase(
  cursor: VarintCursor,
  packCount: number,
  options: { readonly base: () => number | Oid },
): RecipeStep {
  const range = takeRange(cursor, packCount);
  return { kind: "rebase", ...range, base: options.base() };
}

/** Size and delta chain of an object. */
function takeObject(cursor: VarintCursor, packCount: number) {
  const size = take(cursor);
  const count = take(cursor);
  if (count === 0 || count > RECIPE_CHAIN_COUNT_MAX) {
    throw corrupt("a delta chain has a wrong length", { count });
  }
  const chain: RecipeRange[] = [];
  for (let index = 0; index < count; index++) chain.push(takeRange(cursor, packCount));
  return { size, chain };
}

function takeMaterialise(
  cursor: VarintCursor,
  header: RecipeHeader,
  options: { readonly isRelated: boolean },
): RecipeStep {
  const packCount = header.packs.length;
  const code = take(cursor);
  const type = objectTypeOf(code);
  if (type === undefined) throw corrupt("an object has no known type", { code });
  const step = { kind: "materialise" as const, type, ...takeObject(cursor, packCount) };
  if (!options.isRelated) return step;
  const oid = takeOid(cursor, header.objectFormat);
  return { ...step, relative: { oid, ...takeObject(cursor, packCount) } };
}

function isErrorCode(code: unknown): code is ErrorCode {
  return (ERROR_CODES as readonly unknown[]).includes(code);
}

function parseFailure(bytes: Uint8Array): GitStratumError {
  try {
    const { code, message, data } = JSON.parse(new TextDecoder().decode(bytes));
    if (isErrorCode(code) && typeof message === "string") {
      return new GitStratumError(code, message, { data: data ?? {} });
    }
  } catch (cause) {
    return new GitStratumError("corrupt", "Reject a malformed recipe", { cause });
  }
  return corrupt("a failure has no code");
}

type Decoded = RecipeStep | { readonly kind: "end"; readonly stepCount: number };

function takeStep(cursor: VarintCursor, header: RecipeHeader): Decoded {
  const packCount = header.packs.length;
  const opcode = take(cursor);
  switch (opcode) {
    case RECIPE_OPCODE.end:
      return { kind: "end", stepCount: take(cursor) };
    case RECIPE_OPCODE.literal:
      return { kind: "literal", bytes: takeBytes(cursor, take(cursor)) };
    case RECIPE_OPCODE.range:
      return { kind: "range", ...takeRange(cursor, packCount) };
    case RECIPE_OPCODE.materialise:
      return takeMaterialise(cursor, header, { isRelated: false });
    case RECIPE_OPCODE.materialiseRelated:
      return takeMaterialise(cursor, header, { isRelated: true });
    case RECIPE_OPCODE.rebaseOffset:
      return takeRebase(cursor, packCount, { base: () => take(cursor) });
    case RECIPE_OPCODE.rebaseReference:
      return takeRebase(cursor, packCount, { base: () => takeOid(cursor, header.objectFormat) });
    case RECIPE_OPCODE.failure:
      throw parseFailure(takeBytes(cursor, take(cursor)));
    default:
      throw corrupt("an opcode is unknown", { opcode });
  }
}

/** A step at the cursor, or undefined with the cursor unmoved when its bytes are not all there. */
function tryTakeStep(cursor: VarintCursor, header: RecipeHeader): Decoded | undefined {
  const start = cursor.offset;
  try {
    return takeStep(cursor, header);
  } catch (error) {
    if (error !== NEED_MORE) throw error;
    cursor.offset = start;
    return undefined;
  }
}

async function fillTo(source: ByteSource, count: number): Promise<void> {
  while (source.length < count) {
    if (!await source.fill()) throw truncated();
  }
}

async function readHeader(source: ByteSource): Promise<RecipeHeader> {
  await fillTo(source, RECIPE_PREAMBLE_BYTES);
  const preamble = source.cursor().bytes.slice(0, RECIPE_PREAMBLE_BYTES);
  if (RECIPE_MAGIC.subarray(0, 4).some((byte, index) => preamble[index] !== byte)) {
    throw corrupt("the magic is wrong");
  }
  if (preamble[4] !== RECIPE_MAGIC[4]) {
    throw new GitStratumError("unsupported", "Refuse a recipe of another version", {
      data: { wanted: RECIPE_MAGIC[4], found: preamble[4] },
    });
  }
  const length = new DataView(preamble.buffer).getUint32(5, true);
  if (length > RECIPE_HEADER_BYTES_MAX) throw corrupt("the header is too long", { length });
  await fillTo(source, RECIPE_PREAMBLE_BYTES + length);
  const json = source.cursor().bytes.slice(RECIPE_PREAMBLE_BYTES, RECIPE_PREAMBLE_BYTES + length);
  source.consume(RECIPE_PREAMBLE_BYTES + length);
  return parseRecipeHeader(json);
}

/** The steps behind a header. Can be iterated once; ending early cancels the stream. */
class StepIterator implements AsyncIterableIterator<readonly RecipeStep[]> {
  readonly #source: ByteSource;
  readonly #header: RecipeHeader;
  #stepCount = 0;
  #ended = false;

  constructor(source: ByteSource, header: RecipeHeader) {
    this.#source = source;
    this.#header = header;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<readonly RecipeStep[], undefined>> {
    if (this.#ended) return { done: true, value: undefined };
    try {
      for (;;) {
        const steps = this.#takeBuffered();
        if (this.#ended) await this.#expectNothing();
        if (steps.length > 0) return { done: false, value: steps };
        if (this.#ended) return { done: true, value: undefined };
        if (!await this.#source.fill()) throw truncated();
      }
    } catch (error) {
      this.#ended = true;
      await this.#source.cancel(error);
      throw error;
    }
  }

  async return(): Promise<IteratorResult<readonly RecipeStep[], undefined>> {
    if (!this.#ended) {
      this.#ended = true;
      await this.#source.cancel();
    }
    return { done: true, value: undefined };
  }

  #takeBuffered(): RecipeStep[] {
    const cursor = this.#source.cursor();
    const steps: RecipeStep[] = [];
    while (!this.#ended) {
      const step = tryTakeStep(cursor, this.#header);
      if (step === undefined) break;
      if (step.kind === "end") this.#end(this.#stepCount + steps.length, step.stepCount);
      else steps.push(step);
    }
    this.#stepCount += steps.length;
    this.#source.consume(cursor.offset);
    return steps;
  }

  #end(found: number, wanted: number): void {
    if (found !== wanted) throw corrupt("steps are missing", { wanted, found });
    this.#ended = true;
  }

  async #expectNothing(): Promise<void> {
    while (this.#source.length === 0) {
      if (!await this.#source.fill()) return;
    }
    throw corrupt("bytes follow the end");
  }
}

/**
 * Decodes a recipe. Resolves when the header is there; steps are decoded as they are asked for.
 * Whoever does not iterate the steps to their end calls the iterator's `return`, which cancels the
 * stream; `for await` does so by itself.
 *
 * @throws `corrupt` when the bytes are not a recipe or stop before its end, at once or while iterating
 * @throws `unsupported` when it has another version
 * @throws whatever the encoding side's steps failed with
 */
export async function decodeRecipe(stream: ReadableStream<Uint8Array>): Promise<Recipe> {
  const source = new ByteSource(stream);
  try {
    const header = await readHeader(source);
    return { header, steps: new StepIterator(source, header) };
  } catch (error) {
    await source.cancel(error);
    throw error;
  }
}
