/**
 * All benchmarks, in the order in which they run.
 *
 * @module
 */

import type { Benchmark } from "../benchmark.ts";
import { clusterBesideOne } from "./cluster.ts";
import { diskBytes } from "./disk_bytes.ts";
import { fetchOne } from "./fetch_one.ts";
import { fullClone } from "./full_clone.ts";
import { fullPush } from "./full_push.ts";
import { listReferencesAmongMany } from "./list_references.ts";
import { manyRepositories } from "./many_repositories.ts";
import { mixedLoad } from "./mixed_load.ts";
import { partialClone } from "./partial_clone.ts";
import { shallowClone } from "./shallow_clone.ts";
import { smallPush } from "./small_push.ts";
import { storm } from "./storm.ts";

/** Every benchmark. */
export const BENCHMARKS: readonly Benchmark[] = [
  fullPush,
  diskBytes,
  fullClone,
  shallowClone,
  storm,
  partialClone,
  fetchOne,
  listReferencesAmongMany,
  smallPush,
  mixedLoad,
  manyRepositories,
  clusterBesideOne,
];
