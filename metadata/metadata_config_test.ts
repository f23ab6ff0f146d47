import assert from "node:assert/strict";
import { metadataHelpText, readMetadataConfig } from "./metadata_config.ts";

Deno.test("readMetadataConfig() wants the control plane and the store of the logs", () => {
  const args = ["--id", "metadata-1", "--secret-file", "secret"];
  assert.deepEqual(readMetadataConfig({ args, environment: {} }), {
    kind: "invalid",
    problems: [
      "--control is needed, or GITSTRATUM_CONTROL",
      "--etcd is needed, or GITSTRATUM_ETCD",
    ],
  });
  const given = [...args, "--control", "http://c", "--etcd", "http://e"];
  assert.equal(readMetadataConfig({ args: given, environment: {} }).kind, "values");
});

Deno.test("metadataHelpText() names what is needed", () => {
  assert.match(metadataHelpText(), /GITSTRATUM_ETCD, needed/);
});
