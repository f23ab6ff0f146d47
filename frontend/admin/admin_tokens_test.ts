import assert from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import { FileTokens, tokenDirectory } from "./admin_tokens.ts";

async function inDirectory(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("FileTokens keeps one token for each server, for its user's eyes only", () =>
  inDirectory(async (path) => {
    const tokens = new FileTokens(`${path}/a/b`);
    assert.equal(await tokens.kept("http://h:1"), undefined);
    await tokens.keep("http://h:1", "one");
    await tokens.keep("https://h:1", "two");
    const file = await tokens.keep("http://h:1", "three");
    assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
    assert.equal((await Deno.stat(`${path}/a/b`)).mode! & 0o777, 0o700);
    assert.equal((await tokens.kept("http://h:1"))?.trim(), "three");
    assert.equal((await tokens.kept("https://h:1"))?.trim(), "two");
  }));

Deno.test("FileTokens refuses files that others may read, that are too long or not there", () =>
  inDirectory(async (path) => {
    const tokens = new FileTokens(path);
    await Deno.writeTextFile(`${path}/open`, "token", { mode: 0o644 });
    await Deno.chmod(`${path}/open`, 0o644);
    await Deno.writeTextFile(`${path}/long`, "x".repeat(5000), { mode: 0o600 });
    await assert.rejects(tokens.read(`${path}/open`), (error) => hasCode(error, "denied"));
    await assert.rejects(tokens.read(`${path}/long`), (error) => hasCode(error, "invalid"));
    await assert.rejects(tokens.read(`${path}/none`), (error) => hasCode(error, "not-found"));
  }));

Deno.test("tokenDirectory() is where the environment says", () => {
  assert.equal(tokenDirectory({ HOME: "/home/a" }), "/home/a/.config/gitstratum/tokens");
  assert.equal(tokenDirectory({ HOME: "/h", XDG_CONFIG_HOME: "/c" }), "/c/gitstratum/tokens");
  assert.equal(tokenDirectory({}), undefined);
});
