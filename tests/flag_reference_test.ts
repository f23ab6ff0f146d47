import assert from "node:assert/strict";
import { FLAG_REFERENCE_PATH, flagReference } from "./flag_reference.ts";
import { projectRoot } from "./harness/gitstratum_server.ts";

/** Cells and words without the alignment and line breaks that the formatter chooses. */
function plain(text: string): string {
  return text.replaceAll(/-{3,}/g, "---").replaceAll(/\s+/g, " ").trim();
}

Deno.test("flagReference() is what docs/flags.md says; `deno task flags` writes it", async () => {
  const page = await Deno.readTextFile(`${projectRoot}/${FLAG_REFERENCE_PATH}`);
  assert.deepEqual(plain(page).split(" | | "), plain(flagReference()).split(" | | "));
});

Deno.test("flagReference() lists what all programs share once", () => {
  const text = flagReference();
  assert.equal(text.split("`--log-level ").length, 2);
  assert.equal(text.split("`--data ").length, 5);
});
