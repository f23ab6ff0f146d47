/**
 * Local stores as tests want them: empty, on a manual clock, gone afterwards.
 *
 * @module
 */

import { ManualClock } from "../manual_clock.ts";
import { systemRandom } from "../random.ts";
import type { ConsensusHarness } from "./contract_suite.ts";
import { MemoryConsensus } from "./memory_consensus.ts";
import { SqliteConsensus } from "./sqlite_consensus.ts";

/** A store in memory. */
export function memoryHarness(
  options: { readonly historyRevisionCount?: number } = {},
): Promise<ConsensusHarness> {
  const clock = new ManualClock();
  const consensus = new MemoryConsensus({ clock, random: systemRandom, ...options });
  return Promise.resolve({
    consensus,
    advance: (ms) => clock.advance(ms),
    dispose: () => consensus.close(),
  });
}

/** A store in a file of its own. */
export async function sqliteHarness(
  options: { readonly historyRevisionCount?: number } = {},
): Promise<ConsensusHarness & { readonly path: string }> {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-consensus-" });
  const path = `${directory}/consensus.sqlite`;
  const clock = new ManualClock();
  const consensus = new SqliteConsensus(path, { clock, random: systemRandom, ...options });
  return {
    consensus,
    path,
    advance: (ms) => clock.advance(ms),
    async dispose() {
      await consensus.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}
