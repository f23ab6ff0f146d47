import assert from "node:assert/strict";
import {
  type LogData,
  type Logger,
  silentLogger,
  systemClock,
  systemRandom,
} from "@gitstratum/core";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { type AllInOne, type AllInOneOptions, startAllInOne } from "./all_in_one.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

function start(
  dataDirectory: string,
  options: Pick<AllInOneOptions, "warmStartMs" | "packCache" | "metrics"> & {
    readonly logger?: Logger;
  } = {},
): Promise<AllInOne> {
  return startAllInOne({
    dataDirectory,
    http: LOOPBACK,
    ssh: LOOPBACK,
    readOnly: false,
    autoCreate: true,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    drainMs: 5000,
    ...options,
  });
}

async function git(directory: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("git", {
    args: ["-C", directory, "-c", "user.name=A", "-c", "user.email=a@example.org", ...args],
    env: { GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_TERMINAL_PROMPT: "0" },
  }).output();
  const text = new TextDecoder().decode(success ? stdout : stderr);
  if (!success) throw new Error(`git ${args.join(" ")}: ${text}`);
  return text.trim();
}

async function commit(directory: string, file: string, content: string): Promise<void> {
  await Deno.writeTextFile(`${directory}/${file}`, content);
  await git(directory, "add", ".");
  await git(directory, "commit", "-qm", `Change ${file}`);
}

Deno.test("startAllInOne() serves a push, keeps it over a restart, and serves it back", async () => {
  const root = await Deno.makeTempDir();
  const source = `${root}/source`;
  let server = await start(`${root}/data`);
  try {
    await Deno.mkdir(source);
    await git(source, "init", "-q", "-b", "trunk");
    await commit(source, "a", "one\n");
    await git(source, "push", "-q", `${server.url}/me/thing.git`, "HEAD:trunk");
    await server.close();

    server = await start(`${root}/data`);
    const url = `${server.url}/me/thing.git`;
    await git(root, "clone", "-q", url, "copy");
    await commit(source, "b", "two\n".repeat(5000));
    await git(source, "push", "-q", url, "HEAD:trunk");
    await git(`${root}/copy`, "pull", "-q");
    await git(`${root}/copy`, "fsck", "--full", "--strict");
    assert.equal(
      await git(`${root}/copy`, "rev-parse", "HEAD"),
      await git(source, "rev-parse", "HEAD"),
    );
    assert.equal(await git(`${root}/copy`, "symbolic-ref", "--short", "HEAD"), "trunk");
  } finally {
    await server.close();
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("startAllInOne() refuses a data directory that is in use, and leaves it alone", async () => {
  const root = await Deno.makeTempDir();
  const server = await start(`${root}/data`);
  try {
    await assert.rejects(start(`${root}/data`), { code: "conflict" });
    assert.equal((await fetch(`${server.url}/healthz`)).status, 200);
    const response = await fetch(`${server.url}/api/v1/repos`);
    assert.deepEqual(await response.json(), { repositories: [] });
  } finally {
    await server.close();
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("startAllInOne() rehearses clones of what was used before, and shares none of them", async () => {
  const root = await Deno.makeTempDir();
  const source = `${root}/source`;
  const lines: { readonly message: string; readonly data: LogData | undefined }[] = [];
  const logger: Logger = {
    ...silentLogger,
    info: (message, data) => void lines.push({ message, data }),
    child: () => logger,
  };
  const rehearsed = () =>
    lines.splice(0).filter(({ message }) => /rehearse/i.test(message)).map(({ message, data }) => {
      return { message, cloneCount: data?.cloneCount };
    });
  const metrics = new PrometheusMetrics();
  const packCache = { bytesMax: 2 ** 20, storeFrom: 1, ttlMs: 60_000 };
  const options = { logger, warmStartMs: 60_000, packCache };
  let server = await start(`${root}/data`, options);
  try {
    assert.deepEqual(rehearsed(), [], "nothing was used before");
    await Deno.mkdir(source);
    await git(source, "init", "-q", "-b", "trunk");
    await commit(source, "a", "one\n");
    await git(source, "push", "-q", `${server.url}/me/thing.git`, "HEAD:trunk");
    await server.close();

    server = await start(`${root}/data`, { ...options, metrics });
    assert.deepEqual(rehearsed(), [{ message: "Rehearse clones", cloneCount: 18 }]);
    assert.deepEqual([...Deno.readDirSync(`${root}/data/warm-start`)].map(({ name }) => name), [
      "recent.json",
    ]);
    assert.doesNotMatch((await metrics.render()).body, /pack_cache_requests_total\{[^}]*\} [1-9]/);
    await git(root, "clone", "-q", `${server.url}/me/thing.git`, "copy");
    assert.match((await metrics.render()).body, /pack_cache_requests_total\{outcome="miss"\} 1\b/);
  } finally {
    await server.close();
    await Deno.remove(root, { recursive: true });
  }
});
