/**
 * P9: what frontends hold for clients stays within its budgets, and is given back.
 *
 * @module
 */

import { heldBy } from "../cluster/frontend_bounds.ts";
import type { SimCluster } from "../cluster/sim_cluster.ts";
import type { RunRecord } from "./run_record.ts";

/** Notes frontends that hold more than they may. */
export function checkMemory(cluster: SimCluster, record: RunRecord): void {
  for (const { id, opened } of cluster.frontends) {
    if (opened === undefined) continue;
    const { memory: { permits }, permitBytesMax, cacheDisk, cacheBytesMax } = opened.bounds;
    if (permits.usedBytes > permitBytesMax) {
      record.violate("P9", `${id} hands out ${permits.usedBytes} bytes of memory`);
    }
    if (cacheDisk.bytes > cacheBytesMax) {
      record.violate("P9", `${id} keeps ${cacheDisk.bytes} bytes of packs`);
    }
  }
}

/** What frontends hold although nobody asks for anything. */
export function heldMemory({ frontends }: SimCluster): readonly string[] {
  return frontends.flatMap(({ id, opened }) =>
    opened === undefined ? [] : heldBy(opened.bounds).map((what) => `${id} holds ${what}`)
  );
}
