import { equal, throws } from "node:assert/strict";
import { GitStratumError } from "../../error.ts";
import {
  checkReleaseLevel,
  isReleaseRefused,
  nextReleaseLevel,
  OWN_LEVELS,
  RELEASE_LEVEL,
  releaseLevelOf,
} from "./release_level.ts";

Deno.test("nextReleaseLevel() is the least of the nodes', and never falls", () => {
  equal(nextReleaseLevel(undefined, []), 1);
  equal(nextReleaseLevel(undefined, [2, 2]), 2);
  equal(nextReleaseLevel(1, [2, undefined, 3]), 1, "a node that tells none is of the first");
  equal(nextReleaseLevel(1, [3, 2]), 2);
  equal(nextReleaseLevel(2, [2, undefined]), 2, "what was written stays written");
  equal(nextReleaseLevel(2, []), 2);
});

Deno.test("releaseLevelOf() gives no level that this release does not know", () => {
  equal(releaseLevelOf({}), 1);
  equal(releaseLevelOf({ level: 1 }), 1);
  equal(releaseLevelOf({ level: RELEASE_LEVEL + 1 }), RELEASE_LEVEL);
});

Deno.test("checkReleaseLevel() refuses those who could not read or be read", () => {
  checkReleaseLevel(1, {});
  checkReleaseLevel(1, OWN_LEVELS);
  checkReleaseLevel(RELEASE_LEVEL, OWN_LEVELS);
  throws(() => checkReleaseLevel(2, {}), { code: "denied", message: /before/ });
  throws(() => checkReleaseLevel(RELEASE_LEVEL + 1, OWN_LEVELS), { message: /before/ });
  const ahead = { level: 4, levelLeast: 3 };
  throws(() => checkReleaseLevel(2, ahead), { code: "denied", message: /too far ahead/ });
  checkReleaseLevel(3, ahead);
  try {
    checkReleaseLevel(2, {});
  } catch (error) {
    equal(isReleaseRefused(error), true);
  }
  const other = new GitStratumError("denied", "Be refused by a node of the cluster");
  equal(isReleaseRefused(other), false, "a wrong clock passes, a wrong release does not");
});
