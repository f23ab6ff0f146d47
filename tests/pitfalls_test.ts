/**
 * Holds docs/pitfalls.md and the list of removals to their word: each way of losing data has a test, and
 * that test exists.
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
  await hasTests(rows.map(([, , path, title]) => [path!, title!]));
});

Deno.test("everything that removes data has a test that exists", async () => {
  const text = await Deno.readTextFile(`${projectRoot}/docs/decisions/removals.md`);
  const rows = text.split("\n").filter((line) => line.startsWith("| ")).slice(2);
  assert.ok(rows.length > 25, `${rows.length} rows`);
  await hasTests(rows.map((row) => {
    const [, path, title] = /\| `([^`]+)`: "([^"]+)" +\|$/.exec(row) ?? [];
    assert.ok(path !== undefined && title !== undefined, `No test in: ${row}`);
    return [path, title];
  }));
});

/** Every title stands in its file. */
async function hasTests(rows: readonly (readonly [string, string])[]): Promise<void> {
  for (const [path, title] of rows) {
    const source = await Deno.readTextFile(`${projectRoot}/${path}`);
    assert.ok(source.includes(`"${title}"`), `${path} has no test "${title}"`);
  }
}
