import assert from "node:assert/strict";
import { bashCompletion } from "./bash_completion.ts";
import { ADMIN_PROGRAM, ALL_COMMANDS } from "./run_admin.ts";

/** What bash completes of a line, the last word of which may be unfinished. */
async function completed(...words: string[]): Promise<readonly string[]> {
  const script = bashCompletion(ALL_COMMANDS, ADMIN_PROGRAM);
  const line = [ADMIN_PROGRAM, ...words].map((word) => `'${word}'`).join(" ");
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: [
      "--norc",
      "-c",
      [
        script,
        // In place of the program, which would ask a server.
        `${ADMIN_PROGRAM}() { echo "$1:$2:acme/one $1:$2:acme/two acme/three"; }`,
        `COMP_WORDS=(${line}); COMP_CWORD=${words.length}`,
        "_gitstratum_admin",
        'printf "%s\\n" "${COMPREPLY[@]}"',
      ].join("\n"),
    ],
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout).split("\n").filter((word) => word !== "");
}

Deno.test("bashCompletion() completes words of commands", async () => {
  assert.deepEqual(await completed("repo"), ["repository"]);
  assert.deepEqual(await completed("token", ""), ["list", "create", "revoke"]);
  assert.deepEqual(await completed("--json", "token", "c"), ["create"]);
  assert.deepEqual(await completed("nonsense"), []);
});

Deno.test("bashCompletion() completes options of the command and of all", async () => {
  assert.deepEqual(await completed("token", "create", "--sc"), ["--scope"]);
  assert.deepEqual(await completed("token", "create", "alice", "--js"), ["--json"]);
  assert.deepEqual(await completed("token", "list", "--sc"), []);
});

Deno.test("bashCompletion() completes values and names", async () => {
  assert.deepEqual(await completed("repository", "set", "a/b", "--visibility", "pr"), ["private"]);
  assert.deepEqual(await completed("repository", "show", "acme/t"), ["acme/three"]);
  assert.deepEqual(await completed("repository", "show", "names:repository:acme/o"), [
    "names:repository:acme/one",
  ]);
});
