/**
 * The wire form of recipes, as `docs/formats/recipe.md` describes it.
 *
 * Both directions stream: steps are encoded when the reader asks for bytes, and decoded when the
 * consumer asks for the next batch, so neither side ever holds a whole recipe.
 *
 * Fault model: the sender may fail or vanish at any byte. A recipe is complete only when its end
 * mark, with the right number of steps, has been read; whatever else ends the stream is an error.
 *
 * @module
 */

import { assert, unreachable } from "../assert.ts";
import { ERROR_CODES, type ErrorCode, type ErrorData, GitStratumError } from "../error.ts";
import { OBJECT_TYPE_CODES, objectTypeOf } from "../git/object_type.ts";
import {
  RECIPE_CHAIN_COUNT_MAX,
  RECIPE_HEADER_BYTES_MAX,
  RECIPE_STEP_BYTES_MAX,
} from "../limits.ts";
import type { Recipe, RecipeHeader, RecipeRange, RecipeStep } from "./recipe.ts";
import { parseRecipeHeader } from "./recipe_header.ts";
import { readVarint, VARINT_BYTES_MAX, type VarintCursor, writeVarint } from "./varint.ts";

/** The first bytes of every recipe: `GSRC` and the version. */
const MAGIC = Uint8Array.of(0x47, 0x53, 0x52, 0x43, 1);
const PREAMBLE_BYTES = MAGIC.length + 4;
/** Steps are gathered into chunks of about this many bytes. */
const CHUNK_BYTES = 32 * 1024;

const OPCODE = { end: 0, literal: 1, range: 2, materialise: 3, failure: 4 } as const;

/** A growing buffer for outgoing bytes. */
class ByteSink {
  #bytes = new Uint8Array(CHUNK_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }

  varint(value: number): void {
    this.#reserve(VARINT_BYTES_MAX);
    this.#length = writeVarint(this.#bytes, value, this.#length);
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Hands the bytes over and starts anew. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(CHUNK_BYTES);
    this.#length = 0;
    return taken;
  }
}

function putRange(sink: ByteSink, range: RecipeRange): void {
  sink.varint(range.pack);
  sink.varint(range.offset);
  sink.varint(range.length);
}

function putStep(sink: ByteSink, step: RecipeStep): void {
  switch (step.kind) {
    case "literal":
      assert(step.bytes.length <= RECIPE_STEP_BYTES_MAX, "A literal step fits its limit");
      sink.varint(OPCODE.literal);
      sink.varint(step.bytes.length);
      sink.bytes(step.bytes);
      return;
    case "range":
      sink.varint(OPCODE.range);
      putRange(sink, step);
      return;
    case "materialise":
      assert(
        step.chain.length > 0 && step.chain.length <= RECIPE_CHAIN_COUNT_MAX,
        "A delta chain fits its limit",
      );
      sink.varint(OPCODE.materialise);
      sink.varint(OBJECT_TYPE_CODES[step.type]);
      sink.varint(step.size);
      sink.varint(step.chain.length);
      for (const range of step.chain) putRange(sink, range);
      return;
    default:
      unreachable(step);
  }
}

function putPreamble(sink: ByteSink, header: RecipeHeader): void {
  const json = new TextEncoder().encode(JSON.stringify(header));
  assert(json.length <= RECIPE_HEADER_BYTES_MAX, "A recipe header fits its limit");
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, json.length, true);
  sink.bytes(MAGIC);
  sink.bytes(length);
  sink.bytes(json);
}

function putFailure(sink: ByteSink, error: GitStratumError): void {
  const { code, message, data } = error;
  const json = new TextEncoder().encode(JSON.stringify({ code, message, data }));
  sink.varint(OPCODE.failure);
  sink.varint(json.length);
  sink.bytes(json);
}

/**
 * Encodes a recipe. Steps are asked for only as fast as the stream is read; cancelling the stream
 * ends their iterator. A {@link GitStratumError} of the iterator travels to the decoder with its code;
 * any other error breaks the stream.
 */
export function encodeRecipe(recipe: Recipe): ReadableStream<Uint8Array> {
  const steps = recipe.steps[Symbol.asyncIterator]();
  const sink = new ByteSink();
  let stepCount = 0;
  putPreamble(sink, recipe.header);

  /** Whether another batch may follow. */
  async function putBatch(): Promise<boolean> {
    try {
      const next = await steps.next();
      if (!next.done) {
        for (const step of next.value) putStep(sink, step);
        stepCount += next.value.length;
        return true;
      }
      sink.varint(OPCODE.end);
      sink.varint(stepCount);
    } catch (error) {
      if (!(error instanceof GitStratumError)) throw error;
      putFailure(sink, error);
    }
    return false;
  }

  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      let more = true;
      while (more && sink.length < CHUNK_BYTES) more = await putBatch();
      controller.enqueue(sink.take());
      if (!more) controller.close();
    },
    async cancel() {
      await steps.return?.();
    },
  }, { highWaterMark: 1 });
}

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

function takeRange(cursor: VarintCursor, packCount: number): RecipeRange {
  const pack = take(cursor);
  const offset = take(cursor);
  const length = take(cursor);
  if (pack >= packCount) throw corrupt("a range names an unknown pack", { pack, packCount });
  if (!Number.isSafeInteger(offset + length)) throw corrupt("a range ends nowhere");
  return { pack, offset, length };
}

function takeMaterialise(cursor: VarintCursor, packCount: number): RecipeStep {
  const code = take(cursor);
  const type = objectTypeOf(code);
  if (type === undefined) throw corrupt("an object has no known type", { code });
  const size = take(cursor);
  const count = take(cursor);
  if (count === 0 || count > RECIPE_CHAIN_COUNT_MAX) {
    throw corrupt("a delta chain has a wrong length", { count });
  }
  const chain: RecipeRange[] = [];
  for (let index = 0; index < count; index++) chain.push(takeRange(cursor, packCount));
  return { kind: "materialise", type, size, chain };
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

function takeStep(cursor: VarintCursor, packCount: number): Decoded {
  const opcode = take(cursor);
  switch (opcode) {
    case OPCODE.end:
      return { kind: "end", stepCount: take(cursor) };
    case OPCODE.literal:
      return { kind: "literal", bytes: takeBytes(cursor, take(cursor)) };
    case OPCODE.range:
      return { kind: "range", ...takeRange(cursor, packCount) };
    case OPCODE.materialise:
      return takeMaterialise(cursor, packCount);
    case OPCODE.failure:
      throw parseFailure(takeBytes(cursor, take(cursor)));
    default:
      throw corrupt("an opcode is unknown", { opcode });
  }
}

/** A step at the cursor, or undefined with the cursor unmoved when its bytes are not all there. */
function tryTakeStep(cursor: VarintCursor, packCount: number): Decoded | undefined {
  const start = cursor.offset;
  try {
    return takeStep(cursor, packCount);
  } catch (error) {
    if (error !== NEED_MORE) throw error;
    cursor.offset = start;
    return undefined;
  }
}

/** Bytes read and not yet decoded. Appends cost amortised constant time per byte. */
class ByteSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #start = 0;
  #end = 0;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** A cursor over what is buffered; report how far it went with {@link consume}. */
  cursor(): VarintCursor {
    return { bytes: this.#buffer.subarray(this.#start, this.#end), offset: 0 };
  }

  get length(): number {
    return this.#end - this.#start;
  }

  consume(count: number): void {
    this.#start += count;
  }

  /** Buffers the next chunk; false at the end of the stream. */
  async fill(): Promise<boolean> {
    const { done, value } = await this.#reader.read();
    if (done) return false;
    this.#append(value);
    return true;
  }

  #append(chunk: Uint8Array): void {
    const length = this.length;
    if (this.#end + chunk.length > this.#buffer.length) {
      const fits = length + chunk.length <= this.#buffer.length / 2;
      const target = fits
        ? this.#buffer
        : new Uint8Array(Math.max(CHUNK_BYTES, (length + chunk.length) * 2));
      target.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = target;
      this.#start = 0;
      this.#end = length;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  async cancel(reason?: unknown): Promise<void> {
    // The stream may be errored already; there is nothing left to release then.
    await this.#reader.cancel(reason).catch(() => undefined);
  }
}

async function fillTo(source: ByteSource, count: number): Promise<void> {
  while (source.length < count) {
    if (!await source.fill()) throw truncated();
  }
}

async function readHeader(source: ByteSource): Promise<RecipeHeader> {
  await fillTo(source, PREAMBLE_BYTES);
  const preamble = source.cursor().bytes.slice(0, PREAMBLE_BYTES);
  if (MAGIC.subarray(0, 4).some((byte, index) => preamble[index] !== byte)) {
    throw corrupt("the magic is wrong");
  }
  if (preamble[4] !== MAGIC[4]) {
    throw new GitStratumError("unsupported", "Refuse a recipe of another version", {
      data: { wanted: MAGIC[4], found: preamble[4] },
    });
  }
  const length = new DataView(preamble.buffer).getUint32(5, true);
  if (length > RECIPE_HEADER_BYTES_MAX) throw corrupt("the header is too long", { length });
  await fillTo(source, PREAMBLE_BYTES + length);
  const json = source.cursor().bytes.slice(PREAMBLE_BYTES, PREAMBLE_BYTES + length);
  source.consume(PREAMBLE_BYTES + length);
  return parseRecipeHeader(json);
}

/** The steps behind a header. Can be iterated once; ending early cancels the stream. */
class StepIterator implements AsyncIterableIterator<readonly RecipeStep[]> {
  readonly #source: ByteSource;
  readonly #packCount: number;
  #stepCount = 0;
  #ended = false;

  constructor(source: ByteSource, packCount: number) {
    this.#source = source;
    this.#packCount = packCount;
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
      const step = tryTakeStep(cursor, this.#packCount);
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
    return { header, steps: new StepIterator(source, header.packs.length) };
  } catch (error) {
    await source.cancel(error);
    throw error;
  }
}
