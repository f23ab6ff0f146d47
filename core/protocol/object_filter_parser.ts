/**
 * The text form of object filters (git-rev-list `--filter`, gitprotocol-v2 `filter`).
 *
 * @module
 */

import type { ObjectFilter } from "../git/object_filter.ts";
import { OBJECT_TYPE_CODES, type ObjectType } from "../git/object_type.ts";
import { isOid, type ObjectFormat, type Oid } from "../git/oid.ts";
import { FILTER_DEPTH_MAX, FILTER_PART_COUNT_MAX } from "../limits.ts";
import { excerpt, protocolError } from "./protocol_error.ts";

/** A filter as clients write it: a sparse filter may name its blob, like `main:patterns`. */
export type RequestedFilter =
  | Exclude<ObjectFilter, { kind: "combine" }>
  | { readonly kind: "sparse:name"; readonly name: string }
  | { readonly kind: "combine"; readonly filters: readonly RequestedFilter[] };

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** A number with an optional unit, as git's configuration has them; undefined when it is none. */
export function parseScaledNumber(text: string): number | undefined {
  const match = /^\s*\+?(0x[0-9a-f]+|[0-9]+)([kmg]?)$/i.exec(text);
  if (match === null) return undefined;
  const digits = match[1]!;
  if (/^0[0-7]*[89]/.test(digits)) return undefined;
  const value = /^0[0-9]/.test(digits) ? parseInt(digits, 8) : Number(digits);
  // Nothing is that large, so the exact number does not matter.
  return Math.min(value * UNITS[match[2]!.toLowerCase()]!, Number.MAX_SAFE_INTEGER);
}

interface Context {
  readonly format: ObjectFormat;
  readonly depth: number;
  /** Parts of `combine` so far, in all depths. */
  readonly parts: { count: number };
}

function parseSparse(name: string, format: ObjectFormat): RequestedFilter {
  return isOid(name, format) ? { kind: "sparse:oid", oid: name } : { kind: "sparse:name", name };
}

function parseType(name: string): RequestedFilter {
  if (Object.hasOwn(OBJECT_TYPE_CODES, name)) {
    return { kind: "object:type", type: name as ObjectType };
  }
  throw protocolError(`'${excerpt(name)}' for 'object:type=<type>' is not a valid object type`);
}

function parseDepth(text: string): RequestedFilter {
  const depth = parseScaledNumber(text);
  if (depth === undefined) throw protocolError("expected 'tree:<depth>'");
  return { kind: "tree", depth };
}

function parsePart(spec: string, context: Context): RequestedFilter {
  if (++context.parts.count > FILTER_PART_COUNT_MAX) {
    throw protocolError("too many sub-filters", "exhausted");
  }
  // deno-lint-ignore no-control-regex -- control characters are reserved
  const reserved = /[\x00-\x20~`!@#$^&*()[\]{}\\;'",<>?]/.exec(spec)?.[0];
  if (reserved !== undefined) {
    throw protocolError(`must escape char in sub-filter-spec: '${reserved}'`);
  }
  return parse(decodePercent(spec), context);
}

function decodePercent(text: string): string {
  return text.replaceAll(
    /(?:%[0-9a-f]{2})+/gi,
    (run) => new TextDecoder().decode(Uint8Array.fromHex(run.replaceAll("%", ""))),
  );
}

function parseCombine(text: string, context: Context): RequestedFilter {
  if (text === "") throw protocolError("expected something after combine:");
  if (context.depth >= FILTER_DEPTH_MAX) {
    throw protocolError("sub-filters are nested too deep", "exhausted");
  }
  const deeper = { ...context, depth: context.depth + 1 };
  const parts = text.split("+").filter((part) => part !== "");
  return { kind: "combine", filters: parts.map((part) => parsePart(part, deeper)) };
}

function parse(spec: string, context: Context): RequestedFilter {
  if (spec === "blob:none") return { kind: "blob:none" };
  if (spec === "auto") throw protocolError("'auto' filter not supported by this command");
  const after = (prefix: string) => spec.startsWith(prefix) ? spec.slice(prefix.length) : undefined;
  const limit = after("blob:limit=");
  const bytes = limit === undefined ? undefined : parseScaledNumber(limit);
  if (bytes !== undefined) return { kind: "blob:limit", bytes };
  const depth = after("tree:");
  if (depth !== undefined) return parseDepth(depth);
  const sparse = after("sparse:oid=");
  if (sparse !== undefined) return parseSparse(sparse, context.format);
  if (after("sparse:path=") !== undefined) {
    throw protocolError("sparse:path filters support has been dropped");
  }
  const type = after("object:type=");
  if (type !== undefined) return parseType(type);
  const combined = after("combine:");
  if (combined !== undefined) return parseCombine(combined, context);
  throw protocolError(`invalid filter-spec '${excerpt(spec)}'`);
}

/**
 * Parses a filter.
 *
 * @throws `invalid` with git's text for the client
 * @throws `exhausted` when it is nested too deep or has too many parts
 */
export function parseObjectFilter(spec: string, format: ObjectFormat): RequestedFilter {
  return parse(spec, { format, depth: 0, parts: { count: 0 } });
}

/**
 * The filter with ids in place of names.
 *
 * @param find the blob that a name means
 * @throws `invalid` with git's text for the client when a name means none
 */
export async function resolveFilter(
  filter: RequestedFilter,
  find: (name: string) => Promise<Oid | undefined>,
): Promise<ObjectFilter> {
  if (filter.kind === "combine") {
    const filters: ObjectFilter[] = [];
    for (const part of filter.filters) filters.push(await resolveFilter(part, find));
    return { kind: "combine", filters };
  }
  if (filter.kind !== "sparse:name") return filter;
  const oid = await find(filter.name);
  if (oid !== undefined) return { kind: "sparse:oid", oid };
  throw protocolError(`unable to access sparse blob in '${excerpt(filter.name)}'`);
}

/** The text of a filter; {@link parseObjectFilter} gives the filter back. */
export function formatObjectFilter(filter: RequestedFilter): string {
  switch (filter.kind) {
    case "blob:none":
      return "blob:none";
    case "blob:limit":
      return `blob:limit=${filter.bytes}`;
    case "tree":
      return `tree:${filter.depth}`;
    case "object:type":
      return `object:type=${filter.type}`;
    case "sparse:oid":
      return `sparse:oid=${filter.oid}`;
    case "sparse:name":
      return `sparse:oid=${filter.name}`;
    case "combine":
      return `combine:${filter.filters.map(encodePart).join("+")}`;
  }
}

function encodePart(filter: RequestedFilter): string {
  return formatObjectFilter(filter).replaceAll("%", "%25").replaceAll("+", "%2b");
}
