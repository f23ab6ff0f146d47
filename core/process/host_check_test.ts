import assert from "node:assert/strict";
import fc from "fast-check";
import { hostRefusal } from "./host_check.ts";

/** Whether a request passes. */
function passes(url: string, headers: Record<string, string>, hosts: string[] = []): boolean {
  const refusal = hostRefusal(new Request(url, { headers }), hosts);
  assert.equal(refusal?.code ?? "denied", "denied");
  return refusal === undefined;
}

const withHost = (host: string, ...hosts: string[]) => passes("http://127.0.0.1/", { host }, hosts);
const withOrigin = (origin: string, ...hosts: string[]) =>
  passes("http://127.0.0.1:8080/", { host: "127.0.0.1:8080", origin }, hosts);

Deno.test("hostRefusal() lets pass the names and addresses of loopback, with any port", () => {
  const served = ["127.0.0.1", "127.0.0.1:8080", "127.8.9.1", "localhost", "LocalHost:9000"];
  for (const host of [...served, "localhost.", "git.localhost:80", "[::1]", "[::1]:8080"]) {
    assert.ok(withHost(host), host);
  }
  assert.ok(passes("http://localhost:8080/", {}), "no host");
  assert.ok(withHost(""), "an empty host");
});

Deno.test("hostRefusal() refuses all other hosts", () => {
  const names = [
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.example",
  ];
  const addresses = ["0.0.0.0", "10.0.0.1", "192.0.2.1:8080", "[::]", "[fe80::1]:80", "127.1"];
  const odd = ["evil.example@127.0.0.1", "127.0.0.1/evil", "127.0.0.1:80:80", "[::1%lo]", "a b"];
  for (const host of [...names, ...addresses, ...odd]) assert.ok(!withHost(host), host);
  assert.ok(!passes("http://evil.example/", { host: "127.0.0.1" }), "a whole URL");
});

Deno.test("hostRefusal() lets pass hosts that it was told of", () => {
  for (const host of ["git.example", "GIT.example:8080", "git.example."]) {
    assert.ok(withHost(host, "other.example", "Git.Example"), host);
  }
  assert.ok(withHost("[fd00::1]:80", "fd00::1"));
  assert.ok(!withHost("a.git.example", "git.example"));
});

Deno.test("hostRefusal() refuses what pages of other hosts send", () => {
  const own = ["http://127.0.0.1:8080", "http://localhost:3000", "https://[::1]"];
  for (const origin of own) assert.ok(withOrigin(origin), origin);
  for (
    const origin of ["https://evil.example", "null", "", "file://", "http://127.0.0.1.example"]
  ) {
    assert.ok(!withOrigin(origin), origin);
  }
  assert.ok(withOrigin("https://git.example", "git.example"));
});

Deno.test("hostRefusal() takes no host of many for one of loopback", () => {
  const part = fc.constantFrom("127", "0", "1", ".", "localhost", "evil", ":", "80", "[", "]", "@");
  fc.assert(fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
    const host = parts.join("");
    if (host === "" || !withHost(host)) return;
    // What passes is what a URL has for a host of loopback, to the letter.
    const { hostname } = new URL(`http://${host}/`);
    assert.match(hostname, /^(127\.\d+\.\d+\.\d+|\[::1\]|(.*\.)?localhost\.?)$/, host);
  }));
});
