/**
 * Annotated tags as raw bytes. Only what the server needs is read.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { HeaderCursor } from "./header_cursor.ts";
import { OBJECT_TYPE_CODES, type ObjectType } from "./object_type.ts";
import type { ObjectFormat, Oid } from "./oid.ts";

/** What a tag says of the graph. */
export interface Tag {
  /** The tagged object. */
  readonly target: Oid;
  /** Type of the tagged object, as the tag says. */
  readonly type: ObjectType;
  /** Name in the tag itself; bytes that are not UTF-8 became U+FFFD. */
  readonly name: string;
}

function malformed(reason: string): GitStratumError {
  return new GitStratumError("invalid", "Reject a malformed tag", { data: { reason } });
}

/** The type named by the bytes, or undefined when it is none. */
export function parseObjectType(bytes: Uint8Array): ObjectType | undefined {
  if (bytes.length > 6) return undefined;
  const text = String.fromCharCode(...bytes);
  return Object.hasOwn(OBJECT_TYPE_CODES, text) ? text as ObjectType : undefined;
}

/**
 * Reads a tag.
 *
 * @throws `invalid` when its object, type or name can not be read
 */
export function parseTag(bytes: Uint8Array, format: ObjectFormat): Tag {
  const cursor = new HeaderCursor(bytes);
  const target = cursor.skip("object ") ? cursor.oidLine(format) : undefined;
  if (target === undefined) throw malformed("the object line is bad");
  const typeLine = cursor.skip("type ") ? cursor.line() : undefined;
  const type = typeLine && parseObjectType(typeLine);
  if (type === undefined) throw malformed("the type line is bad");
  const name = cursor.skip("tag ") ? cursor.line() : undefined;
  if (name === undefined) throw malformed("the tag line is bad");
  return { target, type, name: new TextDecoder().decode(name) };
}
