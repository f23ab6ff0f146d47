/**
 * A commit of practice as a group of packs, stored as frontends store it.
 *
 * @module
 */

import { concatBytes, EXTENT_BYTES } from "@gitstratum/core";
import { PackIndexWriter } from "@gitstratum/core/pack";
import type { PracticeCommit, PracticeObject } from "@gitstratum/core/practice";
import {
  extentId,
  type ExtentStore,
  type GroupId,
  type NetworkId,
  type PackGroup,
  packId,
} from "@gitstratum/core/rpc";

/** A group that is stored, and its index. */
export interface StoredPractice {
  /** As a push names it. */
  readonly group: PackGroup;
  /** The bytes of its index. */
  readonly index: Uint8Array<ArrayBuffer>;
}

/** Writes what a commit adds. */
export async function storePractice(
  commit: PracticeCommit,
  to: {
    readonly extents: ExtentStore;
    readonly networkId: NetworkId;
    readonly groupId: GroupId;
  },
): Promise<StoredPractice> {
  const { groupId } = to;
  const history = commit.objects.filter(({ type }) => type !== "blob");
  const content = commit.objects.filter(({ type }) => type === "blob");
  const index = indexOf(commit, { history, content });
  const parts = { h: bytesOf(history), c: bytesOf(content), i: index };
  await to.extents.write(
    to.networkId,
    (["h", "c", "i"] as const).map((part) => ({
      id: extentId(packId(groupId, part), 0),
      bytes: parts[part],
    })),
  );
  const group = {
    groupId,
    historyBytes: parts.h.length,
    contentBytes: parts.c.length,
    indexBytes: index.length,
    historyCount: history.length,
    contentCount: content.length,
    extentBytes: EXTENT_BYTES,
  };
  return { group, index };
}

function bytesOf(objects: readonly PracticeObject[]): Uint8Array<ArrayBuffer> {
  return concatBytes(objects.map(({ entry }) => entry));
}

function indexOf(
  commit: PracticeCommit,
  packs: Readonly<Record<"history" | "content", readonly PracticeObject[]>>,
): Uint8Array<ArrayBuffer> {
  const { tree, timeS, from, isFirst } = commit;
  const writer = new PackIndexWriter("sha1");
  for (const objects of [packs.history, packs.content]) {
    let offset = 0;
    for (const { oid, type, bytes, entry, links } of objects) {
      const parents = isFirst ? [] : [from];
      writer.add({
        ...{ oid, type, offset, size: bytes.length },
        ...(type === "commit" ? { commit: { tree, parents, timeS } } : {}),
        ...(links === undefined ? {} : { links }),
      });
      offset += entry.length;
    }
  }
  return writer.finish({
    historyBytes: bytesOf(packs.history).length,
    contentBytes: bytesOf(packs.content).length,
    closed: isFirst,
    tips: [commit.oid],
  });
}
