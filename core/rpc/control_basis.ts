/**
 * What a change at the control plane stands on: a revision of its store that was read after the call
 * began. A change is made only while nothing that it touches was touched since.
 *
 * A request may reach the control plane a second time, late: a network says it twice, or a caller that
 * heard no answer asks another control node while its first request is still on its way. All of these
 * carry the basis that was read for the call, and whichever comes first touches what it changes. So a
 * call takes effect once at most, and never after somebody else has changed, removed or made anew what
 * it was about. No clock is asked. See `docs/decisions/late-requests.md`.
 *
 * @module
 */

import { z } from "zod";
import { GitStratumError, hasCode } from "../error.ts";
import type { JsonClient } from "./json_client.ts";
import { REPETITION_LEVEL } from "./topology/release_level.ts";

/** What a change stands on. */
export interface ChangeBasis {
  /** A revision of the store; absent = whatever is there, as callers of the release before have it. */
  readonly basis?: number;
}

/** Schema of a basis. */
export const basisSchema: z.ZodType<number> = z.int().nonnegative();
/**
 * Refuses to tell a basis to callers in a cluster whose nodes do not all know what it is.
 *
 * @throws `unsupported` as a node does that knows no such path
 */
export function checkBasisLevel(releaseLevel: number): void {
  if (releaseLevel >= REPETITION_LEVEL) return;
  throw new GitStratumError("unsupported", "Wait with bases until all nodes know them", {
    data: { level: REPETITION_LEVEL, releaseLevel },
  });
}

/** Schema of what a control node tells. */
export const controlBasisSchema: z.ZodType<{ readonly basis: number }> = z.object({
  basis: basisSchema,
});

/**
 * Asks a control node for the basis of a call, at a path of the service. There is none where a node may
 * be of a release that does not know such a thing.
 *
 * @throws `unavailable`
 */
export async function askBasis(client: JsonClient, path: string): Promise<ChangeBasis> {
  try {
    return await client.call(path, { method: "GET", schema: controlBasisSchema });
  } catch (error) {
    // This node, or another one of the cluster, takes changes as they come only.
    if (hasCode(error, "unsupported")) return {};
    throw error;
  }
}
