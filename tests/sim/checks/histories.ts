/**
 * P1, P2, P3 and P5: what clients heard is what a single copy would have told them.
 *
 * A push that was acknowledged and is gone, one that won although another one had, one that is not seen
 * through another frontend, one of which a part is seen: none of these has an order that fits.
 *
 * @module
 */

import { checkLinearizable, type Verdict } from "./linearizability.ts";
import { NAME_MODEL } from "./name_model.ts";
import { REFERENCE_MODEL } from "./reference_model.ts";
import type { RunRecord } from "./run_record.ts";

/** Checks all histories of a run. */
export function checkHistories(record: RunRecord): void {
  for (const repository of record.references.subjects) {
    const verdict = checkLinearizable(REFERENCE_MODEL, record.references.of(repository));
    note(record, `References of ${repository}`, verdict);
  }
  for (const name of record.names.subjects) {
    note(record, `Holders of ${name}`, checkLinearizable(NAME_MODEL, record.names.of(name)));
  }
}

function note(record: RunRecord, what: string, verdict: Verdict): void {
  switch (verdict.kind) {
    case "linearizable":
      return;
    case "broken":
      return record.violate("P2", `${what} have no order: ${verdict.why}`);
    case "undecided":
      return record.violate("bug", `${what} are too many to search`);
  }
}
