/**
 * Encodes recipes for the wire, as `docs/formats/recipe.md` describes it. Steps are encoded when the
 * reader asks for bytes, so a recipe is never held as a whole.
 *
 * @module
 */

import { assert, unreachable } from "../assert.ts";
import { GitStratumError } from "../error.ts";
import { OBJECT_TYPE_CODES } from "../git/object_type.ts";
import { oidToBytes } from "../git/oid.ts";
import {
  RECIPE_CHAIN_COUNT_MAX,
  RECIPE_HEADER_BYTES_MAX,
  RECIPE_STEP_BYTES_MAX,
} from "../limits.ts";
import type { Recipe, RecipeHeader, RecipeRange, RecipeStep } from "./recipe.ts";
import { RECIPE_MAGIC, RECIPE_OPCODE } from "./recipe_format.ts";
import { VARINT_BYTES_MAX, writeVarint } from "./varint.ts";

/** Steps are gathered into chunks of about this many bytes. */
const CHUNK_BYTES = 32 * 1024;

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

function putObject(
  sink: ByteSink,
  object: { readonly size: number; readonly chain: readonly RecipeRange[] },
): void {
  const { size, chain } = object;
  assert(
    chain.length > 0 && chain.length <= RECIPE_CHAIN_COUNT_MAX,
    "A delta chain fits its limit",
  );
  sink.varint(size);
  sink.varint(chain.length);
  for (const range of chain) putRange(sink, range);
}

function putMaterialise(
  sink: ByteSink,
  step: Extract<RecipeStep, { kind: "materialise" }>,
): void {
  const { type, relative } = step;
  const { materialise, materialiseRelated } = RECIPE_OPCODE;
  sink.varint(relative === undefined ? materialise : materialiseRelated);
  sink.varint(OBJECT_TYPE_CODES[type]);
  putObject(sink, step);
  if (relative === undefined) return;
  sink.bytes(oidToBytes(relative.oid));
  putObject(sink, relative);
}

function putStep(sink: ByteSink, step: RecipeStep): void {
  switch (step.kind) {
    case "literal":
      assert(step.bytes.length <= RECIPE_STEP_BYTES_MAX, "A literal step fits its limit");
      sink.varint(RECIPE_OPCODE.literal);
      sink.varint(step.bytes.length);
      sink.bytes(step.bytes);
      return;
    case "range":
      sink.varint(RECIPE_OPCODE.range);
      putRange(sink, step);
      return;
    case "rebase":
      if (typeof step.base === "number") {
        sink.varint(RECIPE_OPCODE.rebaseOffset);
        putRange(sink, step);
        sink.varint(step.base);
      } else {
        sink.varint(RECIPE_OPCODE.rebaseReference);
        putRange(sink, step);
        sink.bytes(oidToBytes(step.base));
      }
      return;
    case "materialise":
      putMaterialise(sink, step);
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
  sink.bytes(RECIPE_MAGIC);
  sink.bytes(length);
  sink.bytes(json);
}

function putFailure(sink: ByteSink, error: GitStratumError): void {
  const { code, message, data } = error;
  const json = new TextEncoder().encode(JSON.stringify({ code, message, data }));
  sink.varint(RECIPE_OPCODE.failure);
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
      sink.varint(RECIPE_OPCODE.end);
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
