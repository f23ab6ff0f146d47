import { equal, rejects } from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import { openPrivateFile } from "./private_file.ts";

async function inTemporaryDirectory(body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    await body(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("openPrivateFile() makes a file once, for its owner only", () =>
  inTemporaryDirectory(async (path) => {
    let made = 0;
    const open = () => openPrivateFile(path, { name: "secret", make: () => `text ${++made}` });
    equal(await open(), "text 1");
    equal(await open(), "text 1");
    equal((await Deno.stat(`${path}/secret`)).mode! & 0o777, 0o600);
    await Deno.chmod(`${path}/secret`, 0o640);
    await rejects(open(), (error) => hasCode(error, "denied"));
  }));

Deno.test("openPrivateFile() does not believe a file that a crash left half written", () =>
  inTemporaryDirectory(async (path) => {
    await Deno.writeTextFile(`${path}/secret.new`, "ha");
    equal(await openPrivateFile(path, { name: "secret", make: () => "whole" }), "whole");
  }));
