/**
 * What a push asks of a metadata node, asked of a second one that holds nothing else, by the clients
 * and over the kind of socket by which frontends ask.
 *
 * @module
 */

import { assert, type Clock, type Random, silentLogger } from "@gitstratum/core";
import { ConsensusLog, MemoryConsensus } from "@gitstratum/core/consensus";
import {
  PRACTICE_CREATION,
  PRACTICE_NAME,
  PracticeCluster,
  PracticeHistory,
} from "@gitstratum/core/practice";
import type { Releases } from "@gitstratum/core/process";
import {
  type ExtentStore,
  MemoryExtentStore,
  newGroupId,
  newPushId,
  type PushRequest,
  repositoryVersion,
  RoutedMetadata,
  SOLE_LEASE,
} from "@gitstratum/core/rpc";
import { openMetadataNode } from "../open_metadata_node.ts";
import { storePractice } from "./practice_group.ts";

/** What a practice of pushes works with. */
export interface PushPracticeOptions {
  /** For the tables; it is removed at the end. */
  readonly directory: string;
  /** Time. */
  readonly clock: Clock;
  /** Draws ids. */
  readonly random: Random;
  /** Ends the practice. */
  readonly releases: Releases;
}

/** Adds a metadata node of one empty repository to a cluster of practice. */
export async function addPracticeMetadata(
  cluster: PracticeCluster,
  options: PushPracticeOptions & { readonly extents: ExtentStore },
): Promise<void> {
  const { directory, clock, random, releases, extents } = options;
  const remove = () => Deno.remove(directory, { recursive: true });
  // A process that was killed left its own behind.
  await remove().catch(() => undefined);
  releases.add(remove);
  const consensus = new MemoryConsensus({ clock, random });
  releases.add(() => consensus.close());
  const server = cluster.add("metadata");
  const node = await openMetadataNode({
    dataDirectory: directory,
    log: new ConsensusLog(consensus),
    extents,
    clock,
    random,
    logger: silentLogger,
    cluster: { nodeId: server.id, lease: SOLE_LEASE, ...cluster.routing },
  });
  releases.add(() => node.close());
  server.serve(node.service);
}

/** Opens a node to practise on; resolves with a push to it. */
export async function openPushPractice(
  options: PushPracticeOptions,
): Promise<() => Promise<void>> {
  const { clock, random, releases } = options;
  const cluster = new PracticeCluster({ clock, random, releases });
  const extents = new MemoryExtentStore({ clock });
  await addPracticeMetadata(cluster, { ...options, extents });
  releases.add(() => cluster.close());
  const metadata = new RoutedMetadata(cluster.routing);
  await metadata.createRepository(PRACTICE_CREATION);
  const history = new PracticeHistory();
  return async () => {
    const { repository } = (await metadata.findListed(PRACTICE_NAME))!;
    const commit = history.next();
    const storedAfterMs = clock.nowMs();
    const groupId = newGroupId(random);
    const { networkId } = repository;
    const { group, index } = await storePractice(commit, { extents, networkId, groupId });
    const request: PushRequest = {
      pushId: newPushId(random),
      commands: [{ name: "refs/heads/main", oldOid: commit.from, newOid: commit.oid }],
      atomic: false,
      pushOptions: [],
      group,
      freshIndex: { bytes: index, storedAfterMs },
      uncompared: true,
      judged: { name: PRACTICE_NAME, version: repositoryVersion(repository) },
      provenance: { transport: "http", atMs: storedAfterMs, agent: "practice" },
    };
    const { results } = await metadata.push(repository, request);
    assert(
      results.length === 1 && results[0]!.rejected === undefined,
      "A push of practice is taken",
    );
  };
}
