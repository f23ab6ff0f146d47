import assert from "node:assert/strict";
import { readConfig } from "../config.ts";
import { RELEASE_LEVEL } from "../rpc/topology/release_level.ts";
import { nodeConfigTable, readNodeFiles } from "./node_config.ts";

const FILES: Readonly<Record<string, string>> = {
  secret: `${"n".repeat(32)}\n\n${"o".repeat(40)}\n`,
  short: "short\n",
  empty: "\n",
  cert: "CERT",
  key: "KEY",
  ca: "CA",
  token: " abc \n",
};

function readTextFile(path: string): string {
  const text = FILES[path];
  if (text === undefined) throw new Error(`no file ${path}`);
  return text;
}

function read(...args: string[]) {
  const sources = { args, environment: {}, readTextFile };
  return readConfig(
    nodeConfigTable("127.0.0.1:7000"),
    sources,
    (values) => readNodeFiles(values, readTextFile).problems,
  );
}

Deno.test("nodeConfigTable() needs a name and the secret, and has defaults for the rest", () => {
  assert.deepEqual(read(), {
    kind: "invalid",
    problems: [
      "--id is needed, or GITSTRATUM_ID",
      "--secret-file is needed, or GITSTRATUM_SECRET_FILE",
    ],
  });
  const result = read("--id", "object-1", "--secret-file", "secret");
  assert.deepEqual(result.kind === "values" && result.values, {
    id: "object-1",
    releaseLevel: RELEASE_LEVEL,
    secretFile: "secret",
    zone: "default",
    listen: { hostname: "127.0.0.1", port: 7000 },
    admin: { hostname: "127.0.0.1", port: 0 },
    drainDelayS: 0,
    logLevel: "info",
    weight: 1,
  });
});

Deno.test("readNodeFiles() reads secrets, certificates and the token", () => {
  const config = {
    secretFile: "secret",
    tlsCert: "cert",
    tlsKey: "key",
    tlsCa: "ca",
    adminTokenFile: "token",
  };
  assert.deepEqual(readNodeFiles(config, readTextFile), {
    files: {
      secrets: ["n".repeat(32), "o".repeat(40)],
      tls: { cert: "CERT", key: "KEY" },
      caCerts: ["CA"],
      adminToken: "abc",
    },
    problems: [],
  });
});

Deno.test("readNodeFiles() tells all that is wrong with files and settings together", () => {
  const problems = (...args: string[]) => {
    const result = read("--id", "a", ...args);
    return result.kind === "invalid" ? result.problems : [];
  };
  assert.deepEqual(problems("--secret-file", "short"), [
    "--secret-file holds a secret of fewer than 32 characters",
  ]);
  assert.deepEqual(problems("--secret-file", "empty"), ["--secret-file names an empty file"]);
  assert.deepEqual(
    problems(
      "--secret-file=none",
      "--listen=0.0.0.0:1",
      "--tls-cert=cert",
      "--admin=10.0.0.1:9",
      "--id=UPPER",
    ),
    [
      '--id must be lower-case letters, digits and hyphens, not "UPPER"',
      "--secret-file names a file that cannot be read: no file none",
      "--advertise is needed where --listen names every address of the machine",
      "--tls-cert and --tls-key need each other",
      "--admin-token-file is needed where --admin is not on loopback",
    ],
  );
  assert.deepEqual(
    problems("--secret-file=secret", "--listen=[::]:1", "--advertise=http://a:1"),
    [],
  );
});

Deno.test("nodeConfigTable() takes release levels that this release can be in", () => {
  const names = ["--id", "object-1", "--secret-file", "secret"];
  const held = read(...names, "--release-level", "1");
  assert.equal(held.kind === "values" && held.values.releaseLevel, 1);
  for (const level of ["0", `${RELEASE_LEVEL + 1}`, "new"]) {
    const problem = `--release-level must be 1 to ${RELEASE_LEVEL}, not "${level}"`;
    assert.deepEqual(read(...names, "--release-level", level), {
      kind: "invalid",
      problems: [problem],
    });
  }
});
