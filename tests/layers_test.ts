/**
 * The house rules that a machine can hold: layers, file sizes, names, documents.
 */

import assert from "node:assert/strict";
import { projectRoot } from "./harness/gitstratum_server.ts";
import {
  circles,
  exportedFiles,
  importGraph,
  importsOf,
  needGraph,
  reachedFiles,
} from "./harness/import_graph.ts";
import { type SourceFile, sourceFiles, walk } from "./harness/source_files.ts";

/** What each package may import. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  wasm: [],
  core: ["wasm"],
  control: ["wasm", "core"],
  metadata: ["wasm", "core"],
  object: ["wasm", "core"],
  frontend: ["wasm", "core", "control", "metadata", "object"],
};
const ALL_PACKAGES = [...Object.keys(LAYERS), "tests", "bench"];
const FILE_LINES_MAX = 500;
const PACKAGE_LINES_MAX = 40;
const VAGUE_NAMES = /^(utils?|common|helpers?|misc)(\.ts)?$/;

/** Files that a task or a command of Deno's starts; tests and exports of packages come on top. */
const ENTRY_POINT = /(^|\/)main\.ts$|_(test|bench)\.ts$/;
const STARTED_BY_TASKS = ["wasm/build.ts", "wasm/assembly/index.ts", "tests/doc_lint.ts"];

Deno.test("importsOf() finds static, dynamic and side-effect imports and re-exports", () => {
  const text = `import a from "./a.ts";\nexport * from "../b.ts";\nawait import("c");\nimport "d";`;
  assert.deepEqual(importsOf(text), ["./a.ts", "../b.ts", "c", "d"]);
});

for (const [name, allowed] of Object.entries(LAYERS)) {
  Deno.test(`package ${name} imports only packages to its left, by name`, async () => {
    const wrong: string[] = [];
    for (const { path, text } of await sourceFiles(name)) {
      // AssemblyScript is a language of its own and imports only its neighbours.
      if (path.startsWith("wasm/assembly/")) continue;
      for (const specifier of importsOf(text)) {
        const target = /^@gitstratum\/([^/]+)/.exec(specifier)?.[1];
        if (target !== undefined && target !== name && !allowed.includes(target)) {
          wrong.push(`${path} imports ${specifier}`);
        }
        if (specifier.startsWith(".")) {
          const resolved = new URL(specifier, `file:///${path}`).pathname.slice(1);
          if (!resolved.startsWith(`${name}/`)) {
            wrong.push(`${path} leaves its package: ${specifier}`);
          }
        }
      }
    }
    assert.deepEqual(wrong, []);
  });
}

async function allSources(): Promise<SourceFile[]> {
  return (await Promise.all(ALL_PACKAGES.map(sourceFiles))).flat();
}

Deno.test("no file imports itself over others", async () => {
  const graph = importGraph(await allSources(), await exportedFiles(ALL_PACKAGES));
  assert.deepEqual(circles(graph), []);
});

Deno.test("circles() finds each way back", () => {
  const graph = new Map([["a", ["b", "c"]], ["b", ["c"]], ["c", ["d"]], ["d", ["b"]]]);
  assert.deepEqual(circles(graph), ["b -> c -> d -> b"]);
});

Deno.test("every file is reached from an entry point, an export or a test", async () => {
  const sources = await allSources();
  const exported = await exportedFiles(ALL_PACKAGES);
  const started = sources.map(({ path }) => path).filter((path) => ENTRY_POINT.test(path));
  const roots = [...started, ...STARTED_BY_TASKS, ...exported.values()];
  const reached = reachedFiles(needGraph(sources, exported), roots);
  assert.deepEqual(sources.map(({ path }) => path).filter((path) => !reached.has(path)), []);
});

Deno.test("every file is small enough to hold one noun", async () => {
  const long: string[] = [];
  for (const name of [...Object.keys(LAYERS), "tests", "bench"]) {
    for (const { path, text } of await sourceFiles(name)) {
      const lines = text.split("\n").length - 1;
      if (lines > FILE_LINES_MAX) long.push(`${path}: ${lines} lines`);
    }
  }
  assert.deepEqual(long, []);
});

Deno.test("no file or folder has a name that says nothing", async () => {
  const vague: string[] = [];
  for (const name of [...Object.keys(LAYERS), "tests", "bench"]) {
    for await (const path of walk(name)) {
      if (path.split("/").some((part) => VAGUE_NAMES.test(part))) vague.push(path);
    }
  }
  assert.deepEqual(vague, []);
});

Deno.test("every package has a README of one screen and a module document", async () => {
  for (const name of Object.keys(LAYERS)) {
    const readme = await Deno.readTextFile(`${projectRoot}/${name}/README.md`);
    assert.ok(readme.split("\n").length <= PACKAGE_LINES_MAX + 1, `${name}/README.md is too long`);
    const module = name === "core" ? "core/mod.ts" : `${name}/mod.ts`;
    assert.match(await Deno.readTextFile(`${projectRoot}/${module}`), /@module/);
  }
});

Deno.test("what documents link to exists", async () => {
  const missing: string[] = [];
  for await (const document of documents()) {
    const text = await Deno.readTextFile(`${projectRoot}/${document}`);
    for (const [, target] of text.matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/g)) {
      const path = new URL(target!, `file:///${document}`).pathname.slice(1);
      const found = await Deno.stat(`${projectRoot}/${path}`).then(() => true, () => false);
      if (!found) missing.push(`${document} links to ${target}`);
    }
  }
  assert.deepEqual(missing, []);
});

/** The paths of all documents. */
async function* documents(): AsyncGenerator<string> {
  for (const name of ["README.md", "SHORTCOMINGS.md", "SECURITY.md"]) yield name;
  for (const folder of ["docs", "deploy", ...ALL_PACKAGES]) {
    for await (const path of walk(folder)) if (path.endsWith(".md")) yield path;
  }
}
