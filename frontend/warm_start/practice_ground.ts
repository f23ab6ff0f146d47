/**
 * A cluster within this process for a frontend to rehearse pushes on: it asks metadata and object nodes
 * as it asks those of its own cluster later.
 *
 * @module
 */

import type { Clock, Random } from "@gitstratum/core";
import { PracticeCluster } from "@gitstratum/core/practice";
import type { Releases } from "@gitstratum/core/process";
import { type ExtentStore, type Metadata, RoutedMetadata } from "@gitstratum/core/rpc";
import { addPracticeMetadata } from "@gitstratum/metadata/practice";
import { addPracticeObjects } from "@gitstratum/object/practice";

/** What the cluster works with. */
export interface PracticeGroundOptions {
  /** For the tables of the metadata node; it is removed at the end. */
  readonly directory: string;
  /** Time. */
  readonly clock: Clock;
  /** Draws ids. */
  readonly random: Random;
  /** Ends the cluster. */
  readonly releases: Releases;
}

/** What a frontend rehearses pushes on. */
export interface PracticeGround {
  /** References and repositories; there are none. */
  readonly metadata: Metadata;
  /** Packs; they are kept in memory. */
  readonly extents: ExtentStore;
}

/** Opens what a frontend rehearses pushes on. */
export type OpenPractice = (options: PracticeGroundOptions) => Promise<PracticeGround>;

/** Opens a cluster within this process. */
export async function openClusterPractice(options: PracticeGroundOptions): Promise<PracticeGround> {
  const cluster = new PracticeCluster(options);
  const extents = await addPracticeObjects(cluster, options);
  await addPracticeMetadata(cluster, { ...options, extents });
  options.releases.add(() => cluster.close());
  return { metadata: new RoutedMetadata(cluster.routing), extents };
}
