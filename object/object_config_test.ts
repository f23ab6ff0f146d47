import assert from "node:assert/strict";
import { objectHelpText, readObjectConfig } from "./object_config.ts";

Deno.test("readObjectConfig() says all that is missing", () => {
  assert.deepEqual(readObjectConfig({ args: [], environment: {} }), {
    kind: "invalid",
    problems: [
      "--id is needed, or GITSTRATUM_ID",
      "--secret-file is needed, or GITSTRATUM_SECRET_FILE",
      "--control is needed, or GITSTRATUM_CONTROL",
    ],
  });
});

Deno.test("readObjectConfig() reads variables as units of a service manager set them", () => {
  const result = readObjectConfig({
    args: [],
    environment: {
      GITSTRATUM_ID: "object-1",
      GITSTRATUM_SECRET_FILE: "secret",
      GITSTRATUM_CONTROL: "http://a:7100, http://b:7100",
      GITSTRATUM_WEIGHT: "4",
    },
  });
  assert.ok(result.kind === "values");
  assert.deepEqual(result.values.control, ["http://a:7100", "http://b:7100"]);
  assert.equal(result.values.weight, 4);
  assert.equal(result.values.data, "./data/object");
});

Deno.test("objectHelpText() names what is needed", () => {
  assert.match(objectHelpText(), /GITSTRATUM_CONTROL, needed/);
});
