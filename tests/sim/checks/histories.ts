/**
 * P1, P2, P3 and P5: what clients heard is what a single copy would have told them.
 *
 * A push that was acknowledged and is gone, one that won although another one had, one that is not seen
 * through another frontend, one of which a part is seen: none of these has an order that fits.
 *
 * @module
 */

import type { Operation } from "./history.ts";
import { checkLinearizable, type Verdict } from "./linearizability.ts";
import { NAME_MODEL, orderedOperations } from "./name_model.ts";
import { networkModel } from "./network_model.ts";
import type { RunRecord } from "./run_record.ts";

/** Checks all histories of a run. */
export function checkHistories(record: RunRecord): void {
  for (const root of record.networks.subjects) {
    const operations = record.networks.of(root);
    const verdict = checkLinearizable(networkModel(root), operations);
    note(record, `References of ${root} and its forks`, { verdict, operations });
  }
  for (const name of record.names.subjects) {
    const operations = orderedOperations(record.names.of(name));
    const verdict = checkLinearizable(NAME_MODEL, operations);
    note(record, `Holders of ${name}`, { verdict, operations });
  }
}

function note(
  record: RunRecord,
  what: string,
  found: { readonly verdict: Verdict; readonly operations: readonly Operation<unknown>[] },
): void {
  const { verdict, operations } = found;
  switch (verdict.kind) {
    case "linearizable":
      return;
    case "broken": {
      const history = operations.toSorted((a, b) => a.begin - b.begin).map(shown).join("\n");
      return record.violate("P2", `${what} have no order: ${verdict.why}\n${history}`);
    }
    case "undecided":
      return record.violate("bug", `${what} are too many to search`);
  }
}

/** An operation as one line, with the first digits of ids. */
function shown({ what, who, begin, end }: Operation<unknown>): string {
  const text = Deno.inspect(what, { breakLength: Infinity, depth: 5, iterableLimit: 20 });
  const short = text.replaceAll(/\b([0-9a-f]{6})[0-9a-f]{26,}\b/g, "$1");
  return `${begin}-${end} ${who}: ${short.replaceAll(/\s+/g, " ")}`;
}
