/**
 * Whether readers of one release take what writers of another one write, told from their schemas.
 *
 * A schema here is what its own release reads, which includes all that it writes. What schemas can not
 * say (a checked id, a transformed list) is not compared; the messages beside them are.
 *
 * @module
 */

import type { JsonShape } from "./release_shapes.ts";

/** Something that a writer may write and a reader does not take. */
export interface Misfit {
  /** Where: members joined by dots, `[]` for items, `kind=x` for alternatives. */
  readonly at: string;
  /** What. */
  readonly what: string;
}

/** All that a reader does not take of what a writer may write. */
export function misfits(reader: JsonShape, writer: JsonShape, at = ""): Misfit[] {
  const readers = alternatives(reader);
  if (readers.length > 1 || alternatives(writer).length > 1) {
    return alternatives(writer).flatMap((one) => alternativeMisfits(readers, one, at));
  }
  if (reader.allOf !== undefined || writer.allOf !== undefined) {
    const whole = writer.allOf?.[0] ?? writer;
    return (reader.allOf ?? [reader]).flatMap((part) => misfits(part, whole, at));
  }
  const types = typeMisfits(reader, writer, at);
  if (types.length > 0) return types;
  return [
    ...limitMisfits(reader, writer, at),
    ...memberMisfits(reader, writer, at),
    ...itemMisfits(reader, writer, at),
  ];
}

function alternatives({ oneOf, anyOf, ...rest }: JsonShape): readonly JsonShape[] {
  return oneOf ?? anyOf ?? [rest];
}

/** Takes the alternative that is meant: that of the same kind, else the one that fits best. */
function alternativeMisfits(
  readers: readonly JsonShape[],
  writer: JsonShape,
  at: string,
): Misfit[] {
  const kind = kindOf(writer);
  const named = kind === undefined ? readers : readers.filter((one) => kindOf(one) === kind);
  const place = kind === undefined ? at : join(at, kind);
  if (named.length === 0) return [{ at: place, what: "no such alternative" }];
  const [best] = named.map((one) => misfits(one, writer, place)).sort((a, b) =>
    a.length - b.length
  );
  return best!;
}

/** The member that tells alternatives apart, and its value. */
function kindOf({ properties = {} }: JsonShape): string | undefined {
  const found = Object.entries(properties).find(([, { const: value }]) => value !== undefined);
  return found === undefined ? undefined : `${found[0]}=${String(found[1].const)}`;
}

function typeMisfits(reader: JsonShape, writer: JsonShape, at: string): Misfit[] {
  const found: Misfit[] = [];
  const types = typesOf(reader);
  if (types !== undefined) {
    for (const type of typesOf(writer) ?? []) {
      if (types.includes(type) || (type === "integer" && types.includes("number"))) continue;
      found.push({ at, what: `type ${type}` });
    }
  }
  const values = valuesOf(reader);
  for (const value of values === undefined ? [] : valuesOf(writer) ?? ["any value"]) {
    if (!values!.includes(value)) found.push({ at, what: `value ${JSON.stringify(value)}` });
  }
  if (reader.pattern !== undefined && writer.pattern !== reader.pattern) {
    found.push({ at, what: `pattern ${writer.pattern ?? "of any text"}` });
  }
  return found;
}

function typesOf({ type }: JsonShape): readonly string[] | undefined {
  return typeof type === "string" ? [type] : type;
}

function valuesOf(shape: JsonShape): readonly unknown[] | undefined {
  return shape.enum ?? ("const" in shape ? [shape.const] : undefined);
}

function limitMisfits(reader: JsonShape, writer: JsonShape, at: string): Misfit[] {
  const found: Misfit[] = [];
  for (const limit of ["maximum", "maxItems", "maxLength"] as const) {
    if ((writer[limit] ?? Infinity) > (reader[limit] ?? Infinity)) found.push({ at, what: limit });
  }
  if ((writer.minimum ?? -Infinity) < (reader.minimum ?? -Infinity)) {
    found.push({ at, what: "minimum" });
  }
  return found;
}

function memberMisfits(reader: JsonShape, writer: JsonShape, at: string): Misfit[] {
  const { properties = {}, required = [], additionalProperties } = reader;
  const found: Misfit[] = [];
  const isObject = reader.type === "object" && writer.type === "object";
  for (const name of isObject ? required : []) {
    if (writer.required?.includes(name)) continue;
    found.push({ at: join(at, name), what: "may be absent" });
  }
  for (const [name, member] of Object.entries(writer.properties ?? {})) {
    const known = properties[name];
    if (known !== undefined) found.push(...misfits(known, member, join(at, name)));
    else if (additionalProperties === false) found.push({ at: join(at, name), what: "not known" });
  }
  const others = writer.additionalProperties;
  if (typeof additionalProperties === "object" && typeof others === "object") {
    found.push(...misfits(additionalProperties, others, join(at, "*")));
  }
  return found;
}

function itemMisfits(reader: JsonShape, writer: JsonShape, at: string): Misfit[] {
  const found: Misfit[] = [];
  if (typeof reader.items === "object" && typeof writer.items === "object") {
    found.push(...misfits(reader.items, writer.items, `${at}[]`));
  }
  for (const [index, item] of (reader.prefixItems ?? []).entries()) {
    const written = writer.prefixItems?.[index];
    if (written === undefined) found.push({ at: `${at}[${index}]`, what: "may be absent" });
    else found.push(...misfits(item, written, `${at}[${index}]`));
  }
  return found;
}

function join(at: string, name: string): string {
  return at === "" ? name : `${at}.${name}`;
}
