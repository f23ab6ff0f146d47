/**
 * Holds docs/api.md against the tables that it tells of.
 */

import assert from "node:assert/strict";
import { API } from "../api/api.ts";
import type { ApiQuestion } from "../api/api_operation.ts";
import { EXIT_CODES } from "./exit_code.ts";
import { ALL_COMMANDS } from "./run_admin.ts";

/** Commands that use operations for their own ends. */
const OWN_ENDS = ["login", "names"];

function asked(asks: ApiQuestion): string {
  return "operation" in asks ? `${asks.on}: ${asks.operation}` : asks.on;
}

/** The rows of the document's tables, cell by cell. */
async function rows(): Promise<readonly string[]> {
  const text = await Deno.readTextFile(new URL("../../docs/api.md", import.meta.url));
  return text.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.slice(1, -1).split("|").map((cell) => cell.trim()).join(" | "));
}

Deno.test("docs/api.md tells of every operation, what it asks and its commands", async () => {
  const expected = Object.entries(API).map(([id, { method, path, asks }]) => {
    const commands = ALL_COMMANDS.filter(({ operations, words }) =>
      (operations as readonly string[]).includes(id) && !OWN_ENDS.includes(words)
    );
    const words = commands.map((command) => `\`${command.words}\``).join(", ");
    return `\`${method} ${path}\` | ${asked(asks)} | ${words}`;
  });
  const told = (await rows()).filter((row) => /^`[A-Z]+ \//.test(row));
  assert.deepEqual(told, expected);
});

Deno.test("docs/api.md tells of every exit code", async () => {
  const expected = Object.values(EXIT_CODES).map(({ code, means }) => `${code} | ${means}`);
  const told = (await rows()).filter((row) => /^\d \| /.test(row));
  assert.deepEqual(told, expected);
});
