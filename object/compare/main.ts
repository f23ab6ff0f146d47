/**
 * The command line that compares two object nodes.
 *
 * @module
 */

import { systemProcessWorld } from "@gitstratum/core/process";
import { runCompare } from "./run_compare.ts";

if (import.meta.main) Deno.exit(await runCompare(systemProcessWorld()));
