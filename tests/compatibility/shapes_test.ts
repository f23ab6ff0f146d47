/**
 * Every shape between nodes is read with a member more in each of its objects, whether that is kept or
 * passed over, and nothing is left out of the list.
 */

import assert from "node:assert/strict";
import * as rpc from "@gitstratum/core/rpc";
import * as access from "@gitstratum/core/rpc/access";
import { z } from "zod";
import { sourceFiles } from "../harness/source_files.ts";
import { MAPS, SHAPES } from "./shapes/mod.ts";

const LATER = "memberOfALaterRelease";

/** A message with a member more in each object, one by one. */
function* variants(value: unknown): Generator<unknown> {
  if (Array.isArray(value)) {
    // Lists of hundreds of partitions say the same over and over.
    for (const [index, item] of value.slice(0, 3).entries()) {
      for (const variant of variants(item)) yield value.with(index, variant);
    }
  } else if (typeof value === "object" && value !== null) {
    yield { ...value, [LATER]: "text" };
    for (const [key, item] of Object.entries(value)) {
      if (MAPS.has(key)) continue;
      for (const variant of variants(item)) yield { ...value, [key]: variant };
    }
  }
}

/** A value without the member, wherever it is. */
function withoutLater(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutLater);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([key]) => key !== LATER);
  return Object.fromEntries(members.map(([key, item]) => [key, withoutLater(item)]));
}

Deno.test("SHAPES have names of their own, and read their samples", () => {
  assert.equal(new Set(SHAPES.map(({ name }) => name)).size, SHAPES.length);
  for (const { name, schema, samples } of SHAPES) {
    assert.ok(samples.length > 0, name);
    for (const sample of samples) {
      assert.ok(schema.safeParse(sample).success, `${name}: ${JSON.stringify(sample)}`);
    }
  }
});

Deno.test("SHAPES read messages with a member that a later release added, in any object", () => {
  let count = 0;
  for (const { name, schema, samples } of SHAPES) {
    for (const sample of samples) {
      const meant = withoutLater(schema.parse(sample));
      for (const variant of variants(sample)) {
        const parsed = schema.safeParse(variant);
        assert.ok(parsed.success, `${name} refuses ${JSON.stringify(variant).slice(0, 2000)}`);
        assert.deepEqual(withoutLater(parsed.data), meant, name);
        count++;
      }
    }
  }
  assert.ok(count > 300, `${count} variants`);
});

Deno.test("SHAPES keep what they do not know where it is written again", () => {
  const kept = [
    "stored node",
    "stored sign of life",
    "topology",
    "access record",
    "stored webhook",
    "log entry",
  ];
  for (const { name, schema, samples } of SHAPES.filter((shape) => kept.includes(shape.name))) {
    for (const sample of samples) {
      if (name === "log entry" && !JSON.stringify(sample).includes('"settings"')) continue;
      const variant = later(sample);
      assert.match(JSON.stringify(schema.parse(variant)), new RegExp(LATER), name);
    }
  }
});

/** A message with the member where it is kept: in itself, or in the settings of a log entry. */
function later(sample: unknown): unknown {
  const { record } = sample as { readonly record?: { readonly settings?: object } };
  if (record?.settings === undefined) return { ...sample as object, [LATER]: 1 };
  return {
    ...sample as object,
    record: { ...record, settings: { ...record.settings, [LATER]: 1 } },
  };
}

/** Shapes that other shapes have in them, and those that only clients of the API speak. */
const PARTS: readonly string[] = [
  "askedSettingsChangeSchema",
  "auditEventSchema",
  "claimRulesSchema",
  "deployKeyRecordSchema",
  "grantRecordSchema",
  "grantTargetSchema",
  "issuerRecordSchema",
  "jobTokenRecordSchema",
  "openPgpKeyRecordSchema",
  "ownerRecordSchema",
  "packGroupSchema",
  "partitionAssignmentSchema",
  "provenanceSchema",
  "repositorySettingsChangeSchema",
  "repositorySettingsSchema",
  "ringAssignmentSchema",
  "ringPolicySchema",
  "shownSettingsSchema",
  "tokenRecordSchema",
  "topologyNodeSchema",
  "trustRecordSchema",
  "userKeyRecordSchema",
  "userRecordSchema",
  "webhookDeliverySchema",
  "webhookTargetSchema",
];

Deno.test("SHAPES leave out no shape of the contracts", () => {
  const listed = new Set(SHAPES.map(({ schema }) => schema));
  for (const [name, value] of Object.entries({ ...rpc, ...access })) {
    if (!(value instanceof z.ZodType) || PARTS.includes(name) || listed.has(value)) continue;
    const text = JSON.stringify(z.toJSONSchema(value, { unrepresentable: "any", io: "input" }));
    assert.doesNotMatch(
      text,
      /"properties"/,
      `${name} is in no list of tests/compatibility/shapes`,
    );
  }
});

/** What people ask themselves, or what is made strict for clients of the API. */
const STRICT: readonly string[] = [
  "core/rpc/repository/object_maker.ts",
  "object/extent_service.ts",
];

Deno.test("no schema between nodes is strict, listed or not", async () => {
  const found: string[] = [];
  for (const folder of ["core/rpc", "core/recipe", "control", "metadata", "object"]) {
    for (const { path, text } of await sourceFiles(folder)) {
      if (!path.endsWith("_test.ts") && /strictObject|\.strict\(\)/.test(text)) found.push(path);
    }
  }
  assert.deepEqual(found.sort(), STRICT, "docs/compatibility.md says why");
});
