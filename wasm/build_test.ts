import assert from "node:assert/strict";
import { build } from "./build.ts";

async function withFolder(use: (folder: URL) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    const folder = new URL(`file://${path}/`);
    Deno.mkdirSync(new URL("assembly/", folder));
    await use(folder);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

function pathsIn(folder: URL) {
  return { sources: new URL("assembly/", folder), output: new URL("build/", folder) };
}

function writeSource(folder: URL, text: string): void {
  Deno.writeTextFileSync(new URL("assembly/index.ts", folder), text);
}

async function answerIn(folder: URL): Promise<unknown> {
  const file = new URL(`build/kernels.ts`, folder);
  const base64 = /"([A-Za-z0-9+/=]+)"/.exec(await Deno.readTextFile(file))?.[1];
  assert.ok(base64 !== undefined);
  const module = new WebAssembly.Module(Uint8Array.fromBase64(base64));
  return (new WebAssembly.Instance(module).exports.answer as CallableFunction)();
}

Deno.test("build() compiles what changed and leaves what did not", async () => {
  await withFolder(async (folder) => {
    writeSource(folder, "export function answer(): i32 { return 41 }");
    assert.equal(await build(pathsIn(folder)), "built");
    assert.equal(await build(pathsIn(folder)), "fresh");
    assert.equal(await answerIn(folder), 41);
    writeSource(folder, "export function answer(): i32 { return 42 }");
    assert.equal(await build(pathsIn(folder)), "built");
    assert.equal(await answerIn(folder), 42);
  });
});

Deno.test("build() repairs an output that is not whole", async () => {
  await withFolder(async (folder) => {
    writeSource(folder, "export function answer(): i32 { return 7 }");
    await build(pathsIn(folder));
    const file = new URL("build/kernels.ts", folder);
    const text = await Deno.readTextFile(file);
    await Deno.writeTextFile(file, text.slice(0, -20));
    assert.equal(await build(pathsIn(folder)), "built");
    assert.equal(await Deno.readTextFile(file), text);
  });
});

Deno.test("build() several at once leave one whole output", async () => {
  await withFolder(async (folder) => {
    writeSource(folder, "export function answer(): i32 { return 5 }");
    await Promise.all([1, 2, 3].map(() => build(pathsIn(folder))));
    assert.equal(await answerIn(folder), 5);
    assert.deepEqual([...Deno.readDirSync(new URL("build/", folder))].map((e) => e.name), [
      "kernels.ts",
    ]);
  });
});

Deno.test("build() tells what does not compile", async () => {
  await withFolder(async (folder) => {
    writeSource(folder, "export function answer(): i32 { return missing }");
    await assert.rejects(build(pathsIn(folder)), /Cannot find name 'missing'/);
  });
});
