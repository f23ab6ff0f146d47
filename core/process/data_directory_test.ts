import assert from "node:assert/strict";
import { openDataDirectory } from "./data_directory.ts";

Deno.test("openDataDirectory() lets one owner in at a time", async () => {
  const root = await Deno.makeTempDir();
  try {
    const first = await openDataDirectory(`${root}/deep/data`);
    await assert.rejects(openDataDirectory(`${root}/deep/data`), {
      code: "conflict",
      message: "Find another server running on this data directory",
    });
    first.release();
    (await openDataDirectory(`${root}/deep/data`)).release();
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
