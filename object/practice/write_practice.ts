/**
 * What a push asks of an object node, asked of a second one on a disk in memory, by the client and over
 * the kind of socket by which frontends ask.
 *
 * @module
 */

import type { Clock, Random } from "@gitstratum/core";
import { MemoryDisk } from "@gitstratum/core/disk";
import {
  PRACTICE_REPOSITORY_ID,
  PracticeCluster,
  PracticeHistory,
  type PracticeObject,
} from "@gitstratum/core/practice";
import type { Releases } from "@gitstratum/core/process";
import {
  extentId,
  type NetworkId,
  newGroupId,
  packId,
  RoutedExtentStore,
} from "@gitstratum/core/rpc";
import { openObjectNode } from "../object_node.ts";
import { DirectExtentStore } from "../ring/direct_extent_store.ts";

/** What a practice of writes works with. */
export interface WritePracticeOptions {
  /** Time. */
  readonly clock: Clock;
  /** Draws ids. */
  readonly random: Random;
  /** Ends the practice. */
  readonly releases: Releases;
}

/** Adds an object node to a cluster of practice; resolves with a client of it. */
export async function addPracticeObjects(
  cluster: PracticeCluster,
  { clock, random, releases }: WritePracticeOptions,
): Promise<DirectExtentStore> {
  const server = cluster.add("object");
  const { routing } = cluster;
  const node = await openObjectNode({
    disk: new MemoryDisk(),
    clock,
    random,
    ring: { self: server.id, ...routing },
    compactionIntervalMs: 0,
    scrubIntervalMs: 0,
  });
  releases.add(() => node.close());
  server.serve(node.service);
  const extents = new DirectExtentStore({ ...routing, routed: new RoutedExtentStore(routing) });
  releases.add(() => extents.close());
  return extents;
}

/** Opens a node to practise on; resolves with the writes of a push to it, and a read. */
export async function openWritePractice(
  options: WritePracticeOptions,
): Promise<() => Promise<void>> {
  const cluster = new PracticeCluster(options);
  const extents = await addPracticeObjects(cluster, options);
  options.releases.add(() => cluster.close());
  const history = new PracticeHistory();
  return async () => {
    const groupId = newGroupId(options.random);
    const [commit, tree, file] = history.next().objects as [
      PracticeObject,
      PracticeObject,
      PracticeObject,
    ];
    const writes = ([["h", tree], ["c", file], ["i", commit]] as const).map((
      [part, { entry }],
    ) => ({
      id: extentId(packId(groupId, part), 0),
      bytes: entry,
    }));
    await extents.write(PRACTICE_REPOSITORY_ID as string as NetworkId, writes);
    const [{ id, bytes }] = writes as [typeof writes[number]];
    await extents.read(id, { offset: 0, length: bytes.length });
  };
}
