import assert from "node:assert/strict";
import { z } from "zod";
import { jsonShape } from "./release_shapes.ts";
import { misfits } from "./shape_comparison.ts";

/** What a reader does not take, as text. */
function told(reader: z.ZodType, writer: z.ZodType): string[] {
  return misfits(jsonShape(reader), jsonShape(writer)).map(({ at, what }) => `${at}: ${what}`);
}

const name = z.string();

Deno.test("misfits() finds members that strict readers refuse and others miss", () => {
  const old = z.strictObject({ name, inner: z.array(z.strictObject({ x: z.int() })) });
  const more = z.object({
    name,
    inner: z.array(z.object({ x: z.int(), y: z.int().optional() })),
    later: z.boolean().optional(),
  });
  assert.deepEqual(told(old, old), []);
  assert.deepEqual(told(old, more), ["inner[].y: not known", "later: not known"]);
  assert.deepEqual(told(more, old), []);
  assert.deepEqual(told(z.object({ name, must: name }), old), ["must: may be absent"]);
  assert.deepEqual(told(z.object({ name: name.default("x") }), z.object({})), []);
});

Deno.test("misfits() finds other types, values and limits", () => {
  const of = (member: z.ZodType) => z.object({ member });
  assert.deepEqual(told(of(z.number()), of(z.int())), []);
  assert.deepEqual(told(of(z.int()), of(name)), ["member: type string"]);
  assert.deepEqual(told(of(name), of(name.nullable())), ["member: type null"]);
  assert.deepEqual(told(of(z.enum(["a"])), of(z.enum(["a", "b"]))), ['member: value "b"']);
  assert.deepEqual(told(of(z.enum(["a"])), of(name)), ['member: value "any value"']);
  assert.deepEqual(told(of(name.max(5)), of(name.max(6))), ["member: maxLength"]);
  assert.deepEqual(told(of(z.int().min(1)), of(z.int().min(0))), ["member: minimum"]);
  assert.deepEqual(told(of(name.regex(/^a$/)), of(name)), ["member: pattern of any text"]);
  assert.deepEqual(told(of(z.unknown()), of(z.int())), []);
  const pair = z.tuple([name, z.int()]);
  assert.deepEqual(told(pair, z.tuple([name, z.int(), name])), [": maxItems"]);
  assert.deepEqual(told(pair, z.tuple([name, name])), ["[1]: type string"]);
});

Deno.test("misfits() compares alternatives of one kind", () => {
  const a = z.object({ kind: z.literal("a"), x: z.int() });
  const b = z.strictObject({ kind: z.literal("b") });
  const wide = b.extend({ y: z.int() });
  const reader = z.discriminatedUnion("kind", [a, b]);
  assert.deepEqual(told(reader, z.discriminatedUnion("kind", [a, b])), []);
  assert.deepEqual(told(reader, z.discriminatedUnion("kind", [a, wide])), [
    "kind=b.y: not known",
  ]);
  const c = z.object({ kind: z.literal("c") });
  assert.deepEqual(told(reader, z.discriminatedUnion("kind", [a, c])), [
    "kind=c: no such alternative",
  ]);
  assert.deepEqual(told(z.union([z.boolean(), z.literal("warn")]), z.boolean()), []);
});
