import assert from "node:assert/strict";
import { RELEASE_LEVEL } from "./rpc/topology/release_level.ts";
import { readServerConfig, serverHelpText } from "./server_config.ts";

Deno.test("readServerConfig() has defaults that serve this machine only", () => {
  assert.deepEqual(readServerConfig({ args: [], environment: {} }), {
    kind: "values",
    values: {
      data: "./data",
      http: { hostname: "127.0.0.1", port: 8080 },
      releaseLevel: RELEASE_LEVEL,
      ssh: { hostname: "127.0.0.1", port: 2222 },
      auth: false,
      readOnly: false,
      autoCreate: true,
      packCacheBytes: 4 * 2 ** 30,
      packCacheFrom: 1,
      packCacheTtlS: 86400,
      warmStartMs: 2000,
      memoryBytes: 512 * 2 ** 20,
      auditDays: 90,
      pushPolicyTimeoutS: 5,
      admin: { hostname: "127.0.0.1", port: 0 },
      drainDelayS: 0,
      logLevel: "info",
      proxyHeader: "x-forwarded-for",
      zone: "default",
    },
  });
});

Deno.test("readServerConfig() creates repositories by push only where told or on loopback", () => {
  const autoCreate = (...args: string[]) => {
    const result = readServerConfig({ args, environment: {} });
    return result.kind === "values" ? result.values.autoCreate : result;
  };
  assert.equal(autoCreate("--http", "[::1]:0"), true);
  assert.equal(autoCreate("--http", "localhost:0"), true);
  const open = ["--http", "0.0.0.0:80", "--insecure-open-access"];
  assert.equal(autoCreate(...open), false);
  assert.equal(autoCreate(...open, "--auto-create"), true);
  assert.equal(autoCreate("--http", "0.0.0.0:80", "--auth"), true);
  assert.equal(autoCreate("--auth", "--no-auto-create"), false);
  assert.equal(autoCreate("--no-auto-create"), false);
});

Deno.test("readServerConfig() serves other machines only with accounts, or when told the risk", () => {
  const problems = (...args: string[]) => {
    const result = readServerConfig({ args, environment: {} });
    return result.kind === "invalid" ? result.problems : [];
  };
  for (const flag of ["http", "ssh"]) {
    for (const address of ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "git.example.com:80"]) {
      assert.deepEqual(problems(`--${flag}`, address), [
        `--${flag} ${address} serves other machines: it needs --auth, or ` +
        "--insecure-open-access to let whoever reaches it push and delete",
      ]);
      assert.deepEqual(problems(`--${flag}`, address, "--auth"), []);
      assert.deepEqual(problems(`--${flag}`, address, "--insecure-open-access"), []);
      assert.equal(problems(`--${flag}`, address, "--no-auth").length, 1);
    }
  }
  assert.equal(problems("--http", "0.0.0.0:80", "--ssh", "0.0.0.0:22").length, 2);
});

Deno.test("readServerConfig() names the flag of a bad address", () => {
  const environment = { GITSTRATUM_SSH: "nowhere" };
  assert.deepEqual(readServerConfig({ args: ["--http=1.2.3.4:99999"], environment }), {
    kind: "invalid",
    problems: [
      '--http must be HOST:PORT or [ADDRESS]:PORT, not "1.2.3.4:99999"',
      'GITSTRATUM_SSH must be HOST:PORT or [ADDRESS]:PORT, not "nowhere"',
    ],
  });
});

Deno.test("serverHelpText() names every variable", () => {
  for (
    const name of ["DATA", "HTTP", "SSH", "READ_ONLY", "AUTO_CREATE", "PACK_CACHE", "LOG_LEVEL"]
  ) {
    assert.match(serverHelpText(), new RegExp(`GITSTRATUM_${name}\\b`));
  }
});

Deno.test("readServerConfig() wants a name and the secret of whoever joins a cluster", () => {
  assert.deepEqual(readServerConfig({ args: ["--control", "http://c"], environment: {} }), {
    kind: "invalid",
    problems: [
      "--id is needed where --control names a cluster",
      "--secret-file is needed where --control names a cluster",
    ],
  });
});
