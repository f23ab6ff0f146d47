/**
 * Holds docs/pitfalls.md to its word: each way of losing data has a test, and that test exists.
 */

import assert from "node:assert/strict";
import { projectRoot } from "./harness/gitstratum_server.ts";

/** Pitfalls of replicated storage that the design was checked against. */
const PITFALL_COUNT = 22;

Deno.test("every pitfall of replicated storage has a test that exists", async () => {
  const text = await Deno.readTextFile(`${projectRoot}/docs/pitfalls.md`);
  const rows = [...text.matchAll(/^\| (\d+) +\|.*\| `([^`]+)`: "([^"]+)" +\|$/gm)];
  assert.deepEqual(
    rows.map(([, number]) => Number(number)),
    Array.from({ length: PITFALL_COUNT }, (_, index) => index + 1),
  );
  for (const [, , path, title] of rows) {
    const source = await Deno.readTextFile(`${projectRoot}/${path}`);
    assert.ok(source.includes(`"${title}"`), `${path} has no test "${title}"`);
  }
});
