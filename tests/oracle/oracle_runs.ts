/**
 * Which seeds an oracle runs: a few in the gate, many by hand, one to look at a failure again.
 *
 * @module
 */

/** One world and the cases in it. */
export interface OracleRun {
  readonly seed: number;
  readonly cases: readonly number[];
}

/**
 * Runs that failed once are kept: the gate makes them too.
 *
 * Reads `GITSTRATUM_ORACLE_SEED=seed[:case]` and `GITSTRATUM_ORACLE_SEEDS=count`.
 */
export function oracleRuns(
  gate: {
    readonly seeds: number;
    readonly cases: number;
    readonly kept?: readonly OracleRun[];
  },
): OracleRun[] {
  const all = Array.from({ length: gate.cases }, (_, index) => index);
  const only = Deno.env.get("GITSTRATUM_ORACLE_SEED");
  if (only !== undefined) {
    const [seed, each] = only.split(":").map(Number);
    return [{ seed: seed!, cases: each === undefined ? all : [each] }];
  }
  const count = Number(Deno.env.get("GITSTRATUM_ORACLE_SEEDS") ?? gate.seeds);
  const runs = Array.from({ length: count }, (_, index) => ({ seed: index + 1, cases: all }));
  return [...runs, ...(gate.kept ?? []).filter(({ seed }) => seed > count)];
}
