/**
 * What may go wrong in a run.
 *
 * @module
 */

/** Faults and how often each is drawn, in relation to the others. */
export const FAULT_WEIGHTS = {
  "crash": 10,
  "power of all object nodes": 2,
  "lose a disk": 2,
  "rot": 1,
  "stop": 6,
  "cut one line": 6,
  "isolate": 5,
  "cut off from the store": 5,
  "old world": 3,
  "bad network": 6,
  "slow disk": 3,
  "full disk": 2,
  "failing disk": 1,
  "slow tables": 3,
  "full tables": 3,
  "failing tables": 1,
  "all tables full": 1,
  "store away": 2,
  "slow store": 2,
  "spoiled cache": 3,
  "clock jump": 3,
  "drain": 3,
  "pause repairs": 2,
  "add a node": 1,
  "chores": 3,
} as const;

/** A fault. */
export type Fault = keyof typeof FAULT_WEIGHTS;

/** All faults with their weights, of which some are replaced. */
export function weightedFaults(
  changes: Partial<Readonly<Record<Fault, number>>>,
): readonly (readonly [Fault, number])[] {
  return Object.entries({ ...FAULT_WEIGHTS, ...changes }) as [Fault, number][];
}
