/**
 * Pack groups of hand-made objects, for tests.
 *
 * @module
 */

import { createHash } from "node:crypto";
import {
  OBJECT_TYPE_CODES,
  type ObjectFormat,
  type ObjectType,
  type Oid,
  oidToBytes,
} from "@gitstratum/core/git";
import { encodeWholeEntry, type PackIndexObject, PackIndexWriter } from "@gitstratum/core/pack";
import {
  extentId,
  type ExtentStore,
  type GroupId,
  type NetworkId,
  newGroupId,
  type PackGroup,
  packId,
} from "@gitstratum/core/rpc";
import { concatBytes, type Random, systemRandom } from "@gitstratum/core";

interface BuiltObject {
  readonly type: ObjectType;
  readonly bytes: Uint8Array;
  readonly index: Pick<PackIndexObject, "commit" | "tag" | "links">;
}

/** Makes objects and stores those of one push as a group. */
export class GroupBuilder {
  readonly #format: ObjectFormat;
  readonly #random: Random;
  readonly #objects = new Map<Oid, BuiltObject>();

  /** Makes a builder without objects. */
  constructor(format: ObjectFormat = "sha1", random: Random = systemRandom) {
    this.#format = format;
    this.#random = random;
  }

  /** Adds a blob. */
  blob(text: string): Oid {
    return this.#add("blob", new TextEncoder().encode(text), {});
  }

  /** Adds a tree of files. */
  tree(files: Readonly<Record<string, Oid>>): Oid {
    const rows = Object.entries(files).map(([name, oid]) => [
      ...new TextEncoder().encode(`100644 ${name}\0`),
      ...oidToBytes(oid),
    ]);
    return this.#add("tree", Uint8Array.from(rows.flat()), { links: Object.values(files) });
  }

  /** Adds a commit. */
  commit(options: { readonly tree: Oid; readonly parents?: readonly Oid[]; timeS?: number }): Oid {
    const { tree, parents = [], timeS = 1 } = options;
    const lines = [
      `tree ${tree}`,
      ...parents.map((parent) => `parent ${parent}`),
      `author A <a@example.org> ${timeS} +0000`,
      `committer A <a@example.org> ${timeS} +0000`,
      "",
      "text",
    ];
    const bytes = new TextEncoder().encode(lines.join("\n"));
    return this.#add("commit", bytes, { commit: { tree, parents, timeS } });
  }

  /** Adds a commit of one file with the given text. */
  commitOf(text: string, parents: readonly Oid[] = []): Oid {
    return this.commit({ tree: this.tree({ file: this.blob(text) }), parents });
  }

  /** Adds an annotated tag. */
  tag(name: string, target: Oid, type: ObjectType): Oid {
    const text = `object ${target}\ntype ${type}\ntag ${name}\n` +
      `tagger A <a@example.org> 1 +0000\n\ntext\n`;
    return this.#add("tag", new TextEncoder().encode(text), { tag: { target } });
  }

  #add(type: ObjectType, bytes: Uint8Array, index: BuiltObject["index"]): Oid {
    const oid = createHash(this.#format).update(`${type} ${bytes.length}\0`).update(bytes)
      .digest("hex") as Oid;
    this.#objects.set(oid, { type, bytes, index });
    return oid;
  }

  /** Writes everything added so far as one group and starts over. */
  async store(
    extents: ExtentStore,
    options: {
      readonly networkId: NetworkId;
      readonly tips: readonly Oid[];
      readonly closed?: boolean;
      readonly without?: readonly Oid[];
    },
  ): Promise<PackGroup> {
    for (const oid of options.without ?? []) this.#objects.delete(oid);
    const { parts, counts } = this.#encode(options);
    const groupId: GroupId = newGroupId(this.#random);
    for (const part of ["h", "c", "i"] as const) {
      if (parts[part].length === 0) continue;
      const id = extentId(packId(groupId, part), 0);
      await extents.write(options.networkId, [{ id, bytes: parts[part] }]);
    }
    this.#objects.clear();
    return {
      groupId,
      historyBytes: parts.h.length,
      contentBytes: parts.c.length,
      indexBytes: parts.i.length,
      historyCount: counts.h,
      contentCount: counts.c,
      extentBytes: 8 * 1024 * 1024,
    };
  }

  #encode(options: { readonly tips: readonly Oid[]; readonly closed?: boolean }) {
    const writer = new PackIndexWriter(this.#format);
    const packs = { h: [] as Uint8Array[], c: [] as Uint8Array[] };
    const bytes = { h: 0, c: 0 };
    const isBlob = ([, object]: [Oid, BuiltObject]) => object.type === "blob" ? 1 : 0;
    for (const [oid, object] of [...this.#objects].sort((a, b) => isBlob(a) - isBlob(b))) {
      const part = object.type === "blob" ? "c" : "h";
      const entry = encodeWholeEntry(OBJECT_TYPE_CODES[object.type], object.bytes);
      const { type, index } = object;
      writer.add({ oid, type, offset: bytes[part], size: object.bytes.length, ...index });
      packs[part].push(entry);
      bytes[part] += entry.length;
    }
    const index = writer.finish({
      historyBytes: bytes.h,
      contentBytes: bytes.c,
      closed: options.closed ?? true,
      tips: options.tips,
    });
    const parts = { h: concatBytes(packs.h), c: concatBytes(packs.c), i: index };
    return { parts, counts: { h: packs.h.length, c: packs.c.length } };
  }
}
