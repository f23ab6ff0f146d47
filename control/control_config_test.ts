import assert from "node:assert/strict";
import { controlHelpText, readControlConfig } from "./control_config.ts";

function problems(...args: string[]): readonly string[] {
  const all = ["--id", "control-1", "--secret-file", "secret", ...args];
  const result = readControlConfig({ args: all, environment: {} });
  return result.kind === "invalid" ? result.problems : [];
}

Deno.test("readControlConfig() wants one store", () => {
  const problem = "Either --etcd or --data is needed, and not both";
  assert.deepEqual(problems(), [problem]);
  assert.deepEqual(problems("--etcd", "http://e:2379", "--data", "d"), [problem]);
  assert.deepEqual(problems("--etcd", "http://e:2379,http://f:2379"), []);
  assert.deepEqual(problems("--data", "d"), []);
});

Deno.test("controlHelpText() names what is needed", () => {
  assert.match(controlHelpText(), /GITSTRATUM_SECRET_FILE, needed/);
  assert.match(controlHelpText(), /--etcd URL,URL/);
});
