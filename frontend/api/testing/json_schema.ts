/**
 * A small validator of JSON Schema, written apart from the schemas that the document is made from: it
 * shows that what the document promises is what is answered.
 *
 * @module
 */

import { assert } from "@gitstratum/core";

type Schema = Readonly<Record<string, unknown>>;

/** Words that say nothing about what fits. */
const ANNOTATIONS = new Set(["title", "description", "default", "id", "format", "$id"]);

/**
 * Why `value` does not fit `schema`, with its place; none when it fits. A word of JSON Schema that is
 * not known here is a bug of the test.
 */
export function schemaProblems(schema: Schema, value: unknown, root: Schema): string[] {
  return problemsAt("$", value, { schema, root });
}

interface Check {
  readonly schema: Schema;
  readonly root: Schema;
}

type Rule = (wanted: never, value: unknown, at: string, check: Check) => readonly string[];

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}

const unless = (fits: boolean, problem: string) => fits ? [] : [problem];

const RULES: Readonly<Record<string, Rule>> = {
  $ref(wanted: string, value, at, { root }) {
    const found = wanted.slice(2).split("/").reduce<unknown>(
      (node, name) => (node as Schema)[name],
      root,
    );
    assert(isRecord(found), `${wanted} leads somewhere`);
    return problemsAt(at, value, { schema: found, root });
  },
  type(wanted: string | readonly string[], value, at) {
    const [found, types] = [typeOf(value), [wanted].flat()];
    const fits = types.includes(found) || (found === "integer" && types.includes("number"));
    return unless(fits, `${at} is ${found}, not ${wanted}`);
  },
  const: (wanted: unknown, value, at) => unless(value === wanted, `${at} is not ${wanted}`),
  enum: (wanted: readonly unknown[], value, at) =>
    unless(wanted.includes(value), `${at} is none of ${wanted}`),
  anyOf(wanted: readonly Schema[], value, at, { root }) {
    const each = wanted.map((schema) => problemsAt(at, value, { schema, root }));
    return unless(each.some(({ length }) => length === 0), `${at} fits nothing: ${each.join()}`);
  },
  oneOf(wanted: readonly Schema[], value, at, { root }) {
    const fitting = wanted.filter((schema) => problemsAt(at, value, { schema, root }).length === 0);
    return unless(fitting.length === 1, `${at} fits ${fitting.length} of ${wanted.length}`);
  },
  allOf: (wanted: readonly Schema[], value, at, { root }) =>
    wanted.flatMap((schema) => problemsAt(at, value, { schema, root })),
  properties(wanted: Readonly<Record<string, Schema>>, value, at, { root }) {
    if (!isRecord(value)) return [];
    return Object.entries(wanted).flatMap(([name, schema]) =>
      name in value ? problemsAt(`${at}.${name}`, value[name], { schema, root }) : []
    );
  },
  required: (wanted: readonly string[], value, at) =>
    isRecord(value) ? wanted.filter((name) => !(name in value)).map((n) => `${at} lacks ${n}`) : [],
  additionalProperties(wanted: boolean | Schema, value, at, { schema, root }) {
    if (!isRecord(value)) return [];
    const known = Object.keys((schema.properties ?? {}) as Schema);
    const others = Object.keys(value).filter((name) => !known.includes(name));
    if (wanted === false) return others.map((name) => `${at} has ${name} too`);
    if (wanted === true) return [];
    return others.flatMap((n) => problemsAt(`${at}.${n}`, value[n], { schema: wanted, root }));
  },
  propertyNames: (wanted: Schema, value, at, { root }) =>
    isRecord(value)
      ? Object.keys(value).flatMap((name) => problemsAt(at, name, { schema: wanted, root }))
      : [],
  items(wanted: Schema, value, at, { root }) {
    if (!Array.isArray(value)) return [];
    return value.flatMap((item, n) => problemsAt(`${at}[${n}]`, item, { schema: wanted, root }));
  },
  minItems: (wanted: number, value, at) =>
    unless(!Array.isArray(value) || value.length >= wanted, `${at} has too few`),
  maxItems: (wanted: number, value, at) =>
    unless(!Array.isArray(value) || value.length <= wanted, `${at} has too many`),
  minLength: (wanted: number, value, at) =>
    unless(typeof value !== "string" || value.length >= wanted, `${at} is too short`),
  maxLength: (wanted: number, value, at) =>
    unless(typeof value !== "string" || value.length <= wanted, `${at} is too long`),
  pattern: (wanted: string, value, at) =>
    unless(typeof value !== "string" || new RegExp(wanted, "u").test(value), `${at} has no match`),
  minimum: (wanted: number, value, at) =>
    unless(typeof value !== "number" || value >= wanted, `${at} is too small`),
  maximum: (wanted: number, value, at) =>
    unless(typeof value !== "number" || value <= wanted, `${at} is too large`),
};

function problemsAt(at: string, value: unknown, check: Check): string[] {
  return Object.entries(check.schema).flatMap(([word, wanted]) => {
    if (ANNOTATIONS.has(word)) return [];
    const rule = RULES[word];
    assert(rule !== undefined, `${word} is a word that tests know`);
    return rule(wanted as never, value, at, check);
  });
}
