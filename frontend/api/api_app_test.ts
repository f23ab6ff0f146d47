import assert from "node:assert/strict";
import fc from "fast-check";
import { GitStratumError, JSON_BODY_BYTES_MAX } from "@gitstratum/core";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type RepositorySettings,
  repositoryVersion,
} from "@gitstratum/core/rpc";
import { API } from "./api.ts";
import { ApiHarness } from "./testing/api_harness.ts";

Deno.test("apiApp() creates, shows, changes and deletes repositories", async () => {
  const api = new ApiHarness();
  const created = await api.ask("POST /repos", { name: "me/one" });
  assert.equal(created.status, 201);
  const versionOf = (head: string, settings: RepositorySettings) => ({
    version: repositoryVersion({ head, settings }),
  });
  assert.equal(created.headers.get("location"), "/api/v1/repos/me/one");
  const expected = {
    id: "0".repeat(32),
    name: "me/one",
    objectFormat: "sha1",
    defaultBranch: "main",
    createdAt: "1970-01-01T00:00:00.000Z",
    settings: DEFAULT_REPOSITORY_SETTINGS,
    ...versionOf("refs/heads/main", DEFAULT_REPOSITORY_SETTINGS),
  };
  assert.deepEqual(created.body, expected);
  assert.deepEqual((await api.ask("GET /repos/me/one")).body, expected);
  assert.equal((await api.ask("POST /repos", { name: "me/one" })).status, 409);
  const change = { defaultBranch: "trunk", settings: { denyDeletes: true } };
  const settings = { ...DEFAULT_REPOSITORY_SETTINGS, denyDeletes: true };
  const patched = await api.ask("PATCH /repos/me/one", change);
  const version = versionOf("refs/heads/trunk", settings);
  assert.deepEqual(patched.body, { ...expected, defaultBranch: "trunk", settings, ...version });
  const late = await api.ask("PATCH /repos/me/one", { settings, ifVersion: expected.version });
  assert.equal(late.status, 409);
  assert.equal((await api.ask("DELETE /repos/me/one")).status, 204);
  const missing = await api.ask("GET /repos/me/one");
  assert.equal(missing.status, 404);
  assert.deepEqual(missing.body.error, {
    code: "not-found",
    message: "Find no such repository",
    data: { name: "me/one" },
  });
});

Deno.test("apiApp() creates a repository with its settings", async () => {
  const api = new ApiHarness();
  const settings = { visibility: "internal", protectedReferences: [{ pattern: "refs/tags/**" }] };
  const made = await api.ask("POST /repos", { name: "me/one", settings });
  assert.equal(made.body.settings.visibility, "internal");
  assert.equal(made.body.settings.protectedReferences[0].denyForce, false);
});

Deno.test("apiApp() refuses requests of another shape and names what is wrong", async () => {
  const api = new ApiHarness();
  await api.ask("POST /repos", { name: "a/b" });
  const cases: readonly [string, unknown, Record<string, string>][] = [
    ["POST /repos", { name: "a/../b" }, { in: "body", field: "name" }],
    ["POST /repos", { name: "a/c", objectFormat: "md5" }, { in: "body", field: "objectFormat" }],
    ["POST /repos", { name: "a/c", extra: 1 }, { in: "body", field: "extra" }],
    ["POST /repos", "{", { in: "body", problem: "it is no JSON" }],
    ["POST /repos", "\xff\xfe", { in: "body", problem: "it is no JSON" }],
    ["POST /repos", undefined, { in: "body" }],
    ["PATCH /repos/a/b", { settings: { denyDeletes: 1 } }, { field: "settings.denyDeletes" }],
    ["PATCH /repos/a/b", { settings: { x: 1 } }, { in: "body", field: "settings.x" }],
    ["PATCH /repos/a/b", { head: "refs/heads/x" }, { in: "body", field: "head" }],
    ["GET /repos?limit=0", undefined, { in: "query", field: "limit" }],
    ["GET /repos?limit=1001", undefined, { in: "query", field: "limit" }],
    ["GET /repos?limit=1&limit=2", undefined, { in: "query", field: "limit" }],
    ["GET /repos?page=2", undefined, { in: "query", field: "page" }],
    ["GET /repos?__proto__=2", undefined, { in: "query", field: "__proto__" }],
    ["GET /repos?owner=..", undefined, { in: "query", field: "owner" }],
    ["GET /repos/a%2fb/x", undefined, { in: "path", field: "owner" }],
    ["GET /repos/a/b%0a", undefined, { in: "path", field: "name" }],
  ];
  for (const [request, body, wanted] of cases) {
    const { status, body: { error } } = await api.ask(request, body);
    assert.equal(status, 400, request);
    assert.equal(error.code, "invalid", request);
    for (const [name, value] of Object.entries(wanted)) {
      assert.equal(error.data[name], value, `${request} ${JSON.stringify(error.data)}`);
    }
  }
  assert.equal((await api.ask("GET /repos?after=..")).body.error.code, "invalid");
  assert.deepEqual(api.repositories.asked.map(({ what }) => what), ["create"]);
});

Deno.test("apiApp() reads no more of a body than its limit", async () => {
  const api = new ApiHarness();
  const body = `{"name":"${"x".repeat(JSON_BODY_BYTES_MAX)}"}`;
  const { status, body: { error } } = await api.ask("POST /repos", body);
  assert.equal(status, 413);
  assert.equal(error.code, "exhausted");
});

Deno.test("apiApp() answers other paths and methods as what they are", async () => {
  const api = new ApiHarness();
  assert.equal((await api.ask("GET /nothing")).status, 404);
  assert.equal((await api.ask("GET /repos/a/b/c")).status, 404);
  const refused = await api.ask("PUT /repos");
  assert.equal(refused.status, 405);
  assert.equal(refused.headers.get("allow"), "GET, POST");
  assert.equal((await api.ask("POST /repos/a/b")).headers.get("allow"), "DELETE, GET, PATCH");
});

Deno.test("apiApp() refuses changes on a read-only server", async () => {
  const api = new ApiHarness({ readOnly: true });
  for (const [id, { method, path }] of Object.entries(API)) {
    if (method === "GET") continue;
    const { status, body } = await api.ask(`${method} ${path.replaceAll(/\{\w+\}/g, "x")}`, {});
    assert.equal(status, 403, id);
    assert.equal(body.error.message, "Refuse changes on a read-only server");
  }
});

Deno.test("apiApp() refuses changes that a page of another site asks for", async () => {
  const api = new ApiHarness();
  const ask = (headers: HeadersInit) => api.ask("POST /repos", { name: "a/b" }, { headers });
  const refused: readonly HeadersInit[] = [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "cross-site", "origin": "http://localhost" },
    { origin: "https://page.example" },
    { origin: "http://localhost:81" },
    { origin: "null" },
  ];
  for (const headers of refused) {
    assert.equal((await ask(headers)).status, 403, JSON.stringify(headers));
  }
  assert.equal((await ask({ "sec-fetch-site": "same-origin" })).status, 201);
  assert.equal((await ask({ origin: "http://localhost" })).status, 409);
});

Deno.test("apiApp() tells who did what, from where and when", async () => {
  const api = new ApiHarness();
  await api.ask("POST /repos", { name: "a/b" }, {
    headers: { "user-agent": "x".repeat(1000) },
    info: { remoteAddress: "192.0.2.1" },
  });
  const provenance = {
    transport: "api",
    atMs: 0,
    remoteAddress: "192.0.2.1",
    agent: "x".repeat(256),
  };
  const request = api.repositories.asked[0]!.request as { readonly provenance: unknown };
  assert.deepEqual(request.provenance, provenance);
});

Deno.test("apiApp() tells operators of what fails inside, and callers nothing of it", async () => {
  const api = new ApiHarness();
  const bug = new Error("secret path");
  api.repositories.findRepository = () => Promise.reject(bug);
  const { status, body } = await api.ask("GET /repos/a/b");
  assert.equal(status, 503);
  assert.deepEqual(body.error, {
    code: "unavailable",
    message: "Fail for an internal reason",
    data: {},
  });
  assert.deepEqual(api.failures, [bug]);
  const away = new GitStratumError("unavailable", "Reach a service", {
    data: { path: "/metadata/v1/x" },
  });
  api.repositories.findRepository = () => Promise.reject(away);
  assert.deepEqual((await api.ask("GET /repos/a/b")).body.error.data, {});
  assert.deepEqual(api.failures, [bug, away]);
  await api.ask("GET /repos/%00/b");
  assert.equal(api.failures.length, 2, "what callers do wrong is no failure");
});

Deno.test("apiApp() counts what callers ask, and says when they may come again", async () => {
  const counted: (string | undefined)[] = [];
  const api = new ApiHarness({
    admission: {
      countCaller(_, repository) {
        counted.push(repository);
        if (counted.length < 3) return;
        throw new GitStratumError("exhausted", "Refuse to serve more", {
          data: { retryAfterS: 7 },
        });
      },
    },
  });
  await api.ask("GET /repos");
  await api.ask("GET /repos/a/b");
  const { status, headers } = await api.ask("GET /repos/a/b/usage");
  assert.equal(status, 429);
  assert.equal(headers.get("retry-after"), "7");
  assert.deepEqual(counted, [undefined, "a/b", "a/b"]);
});

Deno.test("apiApp() answers whatever it is sent", async () => {
  const api = new ApiHarness();
  await api.ask("POST /repos", { name: "a/b" });
  const operations = Object.values(API);
  const segment = fc.oneof(fc.constantFrom("a", "b", "..", "%00", "%ff"), fc.webSegment());
  const body = fc.oneof(fc.json(), fc.string(), fc.constant(undefined));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...operations),
      fc.array(segment, { minLength: 5, maxLength: 5 }),
      fc.webQueryParameters(),
      body,
      async ({ method, path }, segments, query, sent) => {
        let count = 0;
        const place = path.replaceAll(/\{\w+\}/g, () => segments[count++] || "x");
        const { status } = await api.ask(
          `${method} ${place}?${query}`,
          method === "GET" ? undefined : sent,
        );
        assert.ok(status < 500, `${method} ${place} answers ${status}`);
      },
    ),
    { numRuns: 120 },
  );
  assert.deepEqual(api.failures, []);
});
