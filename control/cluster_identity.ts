/**
 * Which cluster a consensus store belongs to: an id that is drawn once and never changes, so that a
 * node with the data of another cluster is found out.
 *
 * @module
 */

import { assert, type Random, randomId } from "@gitstratum/core";
import type { Consensus } from "@gitstratum/core/consensus";
import { z } from "zod";
import { decodeJson, encodeJson } from "./stored_json.ts";

const CLUSTER_KEY = "cluster";
/** Schema of the stored id. */
export const clusterSchema: z.ZodType<{ readonly id: string }> = z.object({
  id: z.string().regex(/^[0-9a-f]{32}$/),
});

/** The cluster's id; undefined before it was drawn. @throws `corrupt` */
async function readCluster(consensus: Consensus): Promise<string | undefined> {
  const found = await consensus.get(CLUSTER_KEY);
  return found && decodeJson(found, clusterSchema).id;
}

/** The cluster's id, drawn now unless somebody did before. */
export async function ensureCluster(consensus: Consensus, random: Random): Promise<string> {
  const found = await readCluster(consensus);
  if (found !== undefined) return found;
  await consensus.transact({
    compares: [{ key: CLUSTER_KEY, target: "version", operator: "=", value: 0 }],
    then: [{ kind: "put", key: CLUSTER_KEY, value: encodeJson({ id: randomId(random) }) }],
  });
  // Whoever wrote first, this is what stands.
  const drawn = await readCluster(consensus);
  assert(drawn !== undefined, "A cluster's id is never deleted");
  return drawn;
}
