import assert from "node:assert/strict";
import {
  formatSocketAddress,
  isLoopback,
  isWildcard,
  parseSocketAddress,
} from "./socket_address.ts";

Deno.test("parseSocketAddress() reads names, IPv4 and bracketed IPv6", () => {
  for (const text of ["127.0.0.1:8080", "[::1]:0", "git.example.org:443", "[fe80::1]:65535"]) {
    const address = parseSocketAddress(text);
    assert.ok(address, text);
    assert.equal(formatSocketAddress(address), text);
  }
});

Deno.test("parseSocketAddress() refuses everything else", () => {
  const bad = ["", ":80", "host", "host:", "host:x", "::1:80", "h:65536", "h:1/path", "a b:1"];
  for (const text of bad) assert.equal(parseSocketAddress(text), undefined, text);
});

Deno.test("isLoopback() knows what only this machine reaches", () => {
  const port = 1;
  for (const hostname of ["127.0.0.1", "127.9.9.9", "::1", "LocalHost"]) {
    assert.equal(isLoopback({ hostname, port }), true, hostname);
  }
  for (const hostname of ["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.org"]) {
    assert.equal(isLoopback({ hostname, port }), false, hostname);
  }
});

Deno.test("isWildcard() knows the addresses that stand for all", () => {
  for (const text of ["0.0.0.0:1", "[::]:1", "[0:0:0:0:0:0:0:0]:1"]) {
    assert.equal(isWildcard(parseSocketAddress(text)!), true, text);
  }
  for (const text of ["127.0.0.1:1", "[::1]:1", "10.0.0.0:1", "host:1"]) {
    assert.equal(isWildcard(parseSocketAddress(text)!), false, text);
  }
});
