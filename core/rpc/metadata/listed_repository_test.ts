import { deepEqual, equal, throws } from "node:assert/strict";
import { GitStratumError, hasCode } from "../../error.ts";
import { flushPkt } from "../../protocol/pkt_line.ts";
import { SeededRandom } from "../../seeded_random.ts";
import type { NetworkId, RepositoryId } from "../ids.ts";
import { parseRepositoryName } from "../repository/repository_name.ts";
import { DEFAULT_REPOSITORY_SETTINGS } from "../repository/repository_settings.ts";
import { decodeListed, encodeListed } from "./listed_repository.ts";
import type { RepositoryInfo } from "./metadata.ts";

const REPOSITORY: RepositoryInfo = {
  name: parseRepositoryName("owner/name"),
  repositoryId: "1".repeat(32) as RepositoryId,
  networkId: "2".repeat(32) as NetworkId,
  objectFormat: "sha1",
  head: "refs/heads/main",
  createdAtMs: 1,
  settings: { ...DEFAULT_REPOSITORY_SETTINGS, description: "dépôt" },
};

Deno.test("decodeListed() gives what was encoded, with lines and without", () => {
  const lines = flushPkt();
  deepEqual(decodeListed(encodeListed({ repository: REPOSITORY, lines })), {
    repository: REPOSITORY,
    lines,
  });
  deepEqual(decodeListed(encodeListed({ repository: REPOSITORY })), { repository: REPOSITORY });
});

Deno.test("decodeListed() refuses what was cut within the repository", () => {
  const whole = encodeListed({ repository: REPOSITORY });
  for (let length = 0; length < whole.length; length++) {
    throws(() => decodeListed(whole.slice(0, length)), (error) => hasCode(error, "unavailable"));
  }
});

Deno.test("decodeListed() refuses or reads whatever comes, and throws nothing else", () => {
  const random = new SeededRandom(3);
  const whole = encodeListed({ repository: REPOSITORY, lines: flushPkt() });
  let refused = 0;
  for (let round = 0; round < 3000; round++) {
    const bytes = round % 2 === 0 ? whole.slice() : random.bytes(random.bytes(1)[0]!);
    for (const at of random.bytes(1 + round % 3)) {
      if (bytes.length > 0) bytes[at % bytes.length]! ^= 1 << (round % 8);
    }
    try {
      decodeListed(bytes);
    } catch (error) {
      if (!(error instanceof GitStratumError)) throw error;
      equal(error.code, "unavailable");
      refused++;
    }
  }
  equal(refused > 1500, true);
});
