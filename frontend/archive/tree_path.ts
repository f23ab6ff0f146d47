/**
 * Walks a path down from a tree.
 *
 * @module
 */

import { type Oid, oidFromBytes, TreeCursor } from "@gitstratum/core/git";
import { byteText, utf8ByteText } from "./byte_text.ts";
import type { TreeObjects } from "./tree_objects.ts";

/** The object at a path below a tree; undefined when there is none. An empty path is the tree. */
export async function objectAtPath(
  objects: TreeObjects,
  tree: Oid,
  path: string,
): Promise<Oid | undefined> {
  let oid = tree;
  for (const part of path.split("/").filter((each) => each !== "")) {
    const located = (await objects.locate([oid])).get(oid)!;
    if (located.type !== "tree") return undefined;
    const found = entryNamed(await objects.whole(located), part, objects);
    if (found === undefined) return undefined;
    oid = found;
  }
  return oid;
}

function entryNamed(
  tree: Uint8Array<ArrayBuffer>,
  name: string,
  { format }: Pick<TreeObjects, "format">,
): Oid | undefined {
  const cursor = new TreeCursor(tree, format);
  const wanted = utf8ByteText(name);
  while (cursor.next()) {
    if (byteText(tree.subarray(cursor.nameStart, cursor.nameEnd)) !== wanted) continue;
    return oidFromBytes(tree, format, cursor.oidOffset);
  }
  return undefined;
}
