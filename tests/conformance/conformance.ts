/**
 * Runs black-box cases with the real git client over every transport and object format.
 *
 * A case is a function over a {@link CaseContext}. What a case clones is checked with
 * `git fsck --full --strict` when it ends. One server serves all cases of a file, because repositories
 * are cheap and processes are not. With `GITSTRATUM_TEST_ORACLE=1` the cases run against git's own
 * server over HTTP instead, which shows the cases to be right.
 *
 * @module
 */

import { againstOracle } from "../harness/server.ts";
import { temporaryDirectory } from "../harness/temp.ts";
import { CaseContext, type CaseServer, type CaseSubject, startCaseServer } from "./case_context.ts";

/** One case. */
export type ConformanceCase = (context: CaseContext) => Promise<void>;

/** Cases by what they show. */
export type ConformanceCases = Readonly<Record<string, ConformanceCase>>;

/** Where cases run. */
export interface ConformanceOptions {
  /** All unless given. */
  readonly transports?: readonly ("http" | "ssh")[];
  /** Whether git's own server is no measure, because the cases need GitStratum's API. */
  readonly ownOnly?: boolean;
  /** Starts the server; absent = the one that ordinary cases run against. */
  readonly start?: () => Promise<CaseSubject>;
}

/** Registers cases as one test with a step for each combination. */
export function conformance(
  area: string,
  cases: ConformanceCases,
  options: ConformanceOptions = {},
): void {
  const ignore = againstOracle && options.ownOnly === true;
  Deno.test({ name: `conformance: ${area}`, ignore, fn: (test) => run(test, cases, options) });
}

async function run(
  test: Deno.TestContext,
  cases: ConformanceCases,
  options: ConformanceOptions,
): Promise<void> {
  await using temp = await temporaryDirectory();
  await using server = await startCaseServer(temp, options.start);
  for (const { transport, objectFormat } of combinations(server, options)) {
    for (const [name, body] of Object.entries(cases)) {
      await test.step(`${name} (${transport}, ${objectFormat})`, async () => {
        await using context = await CaseContext.open(server, { transport, objectFormat });
        await body(context);
        await context.assertSoundClones();
      });
    }
  }
}

function* combinations(server: CaseServer, options: ConformanceOptions) {
  for (const transport of options.transports ?? ["http", "ssh"] as const) {
    if (!server.transports.includes(transport)) continue;
    for (const objectFormat of ["sha1", "sha256"] as const) yield { transport, objectFormat };
  }
}
