import assert from "node:assert/strict";
import { dirname } from "node:path";
import { compileProgram, explain, PROGRAMS } from "./compile.ts";

/** Some megabytes that do not compress: a push of them is ingested by a worker. */
const BLOB_BYTES = 3 * 1024 * 1024;

const GIT_ENVIRONMENT = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
};

async function git(...args: string[]): Promise<string> {
  const identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: [...identity, ...args],
    env: GIT_ENVIRONMENT,
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

/** Starts a program far from the project, so that nothing of the checkout can help it. */
async function startProgram(
  path: string,
  cwd: string,
): Promise<{ readonly child: Deno.ChildProcess; readonly url: string }> {
  const flags = ["--data", "data", "--http", "127.0.0.1:0", "--ssh", "127.0.0.1:0"];
  const child = new Deno.Command(path, {
    args: flags,
    cwd,
    env: { PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}` },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  const url = /serves (http:\S+)/.exec(new TextDecoder().decode(value))?.[1];
  assert.ok(url !== undefined);
  return { child, url };
}

Deno.test("compileProgram() bundles a server that has all it needs, workers included", async () => {
  const root = await Deno.makeTempDir({ prefix: "gitstratum-test-" });
  try {
    const output = `${root}/dist`;
    const path = await compileProgram(PROGRAMS[0]!, { output, bundleOnly: true });
    await Deno.rename(output, `${root}/opt`);
    await Deno.symlink(path.replace("/dist/", "/opt/"), `${root}/gitstratum`);
    const { child, url } = await startProgram(`${root}/gitstratum`, root);
    const work = `${root}/work`;
    await git("init", "-q", "-b", "main", work);
    for (let at = 0; at < BLOB_BYTES; at += 65536) {
      const bytes = crypto.getRandomValues(new Uint8Array(65536));
      await Deno.writeFile(`${work}/blob`, bytes, { append: true });
    }
    await git("-C", work, "add", ".");
    await git("-C", work, "commit", "-qm", "One");
    await git("-C", work, "push", "-q", `${url}/a/b.git`, "main");
    await git("clone", "-q", `${url}/a/b.git`, `${root}/copy`);
    const heads = [work, `${root}/copy`].map((path) => git("-C", path, "rev-parse", "HEAD"));
    assert.equal(await heads[0], await heads[1]);
    child.kill("SIGTERM");
    assert.equal((await child.status).code, 0);
    await child.stdout.cancel();
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

/** Names of the files that the project starts as workers. */
async function workerNames(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(directory)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) names.push(...await workerNames(path));
    if (!entry.name.endsWith(".ts") || entry.name.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(path);
    for (const [, name] of text.matchAll(/new Worker\(new URL\("\.\/([^"]+)"/g)) names.push(name!);
  }
  return names;
}

Deno.test("compileProgram() bundles every worker that there is", async () => {
  const root = new URL("..", import.meta.url).pathname;
  const packages = ["core", "control", "metadata", "object", "frontend"];
  const wanted = (await Promise.all(packages.map((name) => workerNames(root + name)))).flat();
  assert.ok(wanted.length > 0);
  const output = await Deno.makeTempDir({ prefix: "gitstratum-test-" });
  try {
    await compileProgram(PROGRAMS[0]!, { output, bundleOnly: true });
    const found = [...Deno.readDirSync(`${output}/gitstratum.bundle`)].map(({ name }) => name);
    assert.deepEqual(found.sort(), ["main.js", ...wanted].sort());
  } finally {
    await Deno.remove(output, { recursive: true });
  }
});

Deno.test("compileProgram() puts each program into one file with the base binary that is named", async () => {
  const output = await Deno.makeTempDir({ prefix: "gitstratum-test-" });
  try {
    // Any executable can be written to; only the real one would run what is appended.
    const denort = "/bin/true";
    for (const program of PROGRAMS) {
      const path = await compileProgram(program, { output, denort });
      const { size } = await Deno.stat(path);
      assert.ok(size > 500_000, `${program.name} has ${size} bytes`);
    }
    const files = [...Deno.readDirSync(output)].map(({ name }) => name).sort();
    assert.deepEqual(files, PROGRAMS.map(({ name }) => name).sort());
  } finally {
    await Deno.remove(output, { recursive: true });
  }
});

Deno.test("compileProgram() refuses a base binary that is not there", async () => {
  await assert.rejects(
    compileProgram(PROGRAMS[0]!, { output: "/nonexistent", denort: "/nonexistent/denort" }),
    /DENORT_BIN names no file: \/nonexistent\/denort/,
  );
});

Deno.test("explain() says what to do about a base binary that can not be downloaded", () => {
  const told = explain("Download https://dl.deno.land/release/v2.9.6/denort-x.zip\nerror: dns");
  assert.match(told, /error: dns/);
  assert.match(told, /DENORT_BIN=\/path\/to\/denort deno task compile/);
  assert.equal(explain("error: Module not found"), "error: Module not found");
});
