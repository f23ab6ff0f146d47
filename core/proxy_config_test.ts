import assert from "node:assert/strict";
import { readConfig } from "./config.ts";
import { parseAddressRange } from "./egress/network_address.ts";
import { clientPath, PROXY_CONFIG_TABLE } from "./proxy_config.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 8080 };
const PUBLIC = { hostname: "0.0.0.0", port: 80 };

function pathOf(args: readonly string[], { auth = false, http = LOOPBACK } = {}) {
  const result = readConfig(PROXY_CONFIG_TABLE, { args, environment: {} });
  if (result.kind !== "values") return result;
  return clientPath(result.values, { auth, http });
}

Deno.test("clientPath() serves loopback's names alone where nobody is asked who they are", () => {
  assert.deepEqual(pathOf([]), { httpHosts: [] });
  assert.deepEqual(pathOf([], { auth: true }), {});
  assert.deepEqual(pathOf([], { http: PUBLIC }), {});
});

Deno.test("clientPath() serves the names that were told, wherever", () => {
  const args = ["--http-host", "git.example, Other.Example,10.0.0.1,[fd00::1],fd00::2"];
  const httpHosts = ["git.example", "Other.Example", "10.0.0.1", "fd00::1", "fd00::2"];
  for (const auth of [true, false]) {
    for (const http of [LOOPBACK, PUBLIC]) {
      assert.deepEqual(pathOf(args, { auth, http }), { httpHosts });
    }
  }
  for (
    const odd of [
      "git.example:80",
      "http://git.example",
      "",
      "a b",
      "[x]",
      "-a",
      "1:2:3:4:5:6:7:8:9",
    ]
  ) {
    const result = pathOf([`--http-host=${odd}`]);
    assert.deepEqual("problems" in result && result.problems, [
      `--http-host must hold names without ports, not ${JSON.stringify(odd)}`,
    ]);
  }
});

Deno.test("clientPath() believes the proxies that were told, in one header", () => {
  const proxies = ["10.0.0.0/8", "fd00::1"].map(parseAddressRange);
  const args = ["--trusted-proxy", "10.0.0.0/8, fd00::1"];
  assert.deepEqual(pathOf(args, { auth: true }), { trust: { proxies, header: "x-forwarded-for" } });
  assert.deepEqual(pathOf([...args, "--proxy-header", "forwarded"], { auth: true }), {
    trust: { proxies, header: "forwarded" },
  });
  const result = pathOf(["--trusted-proxy", "proxy.example", "--proxy-header", "x-real-ip"]);
  assert.deepEqual("problems" in result && result.problems, [
    '--trusted-proxy must hold ranges such as 10.1.0.0/16, not "proxy.example"',
    '--proxy-header must be x-forwarded-for or forwarded, not "x-real-ip"',
  ]);
});
