import assert from "node:assert/strict";
import { GitStratumError } from "@gitstratum/core";
import type {
  CreateRepositoryRequest,
  Metadata,
  RepositoryId,
  RepositoryInfo,
  RepositoryName,
} from "@gitstratum/core/rpc";
import {
  changedSettings,
  DEFAULT_REPOSITORY_SETTINGS,
  type NetworkId,
  type UpdateRepositoryRequest,
} from "@gitstratum/core/rpc";
import type { SessionInput } from "../session/session.ts";
import type { GitSessions } from "./git_routes.ts";
import { httpApp } from "./http_app.ts";

/** Repositories by name, nothing else. */
class FakeMetadata {
  readonly repositories = new Map<string, RepositoryInfo>();

  createRepository(request: CreateRepositoryRequest): Promise<RepositoryInfo> {
    if (this.repositories.has(request.name)) {
      return Promise.reject(new GitStratumError("already-exists", "Find the name taken"));
    }
    const id = String(this.repositories.size).padStart(32, "0");
    const info: RepositoryInfo = {
      name: request.name,
      objectFormat: request.objectFormat,
      head: `refs/heads/${request.defaultBranch}`,
      createdAtMs: 0,
      settings: DEFAULT_REPOSITORY_SETTINGS,
      repositoryId: id as RepositoryId,
      networkId: id as NetworkId,
    };
    this.repositories.set(request.name, info);
    return Promise.resolve(info);
  }

  findRepository(name: RepositoryName) {
    return Promise.resolve(this.repositories.get(name));
  }

  listRepositories(options: { after?: RepositoryName; limit: number }) {
    const names = [...this.repositories.keys()].sort().filter((n) => n > (options.after ?? ""));
    return Promise.resolve(names.slice(0, options.limit).map((n) => this.repositories.get(n)!));
  }

  updateRepository({ name }: RepositoryInfo, request: UpdateRepositoryRequest) {
    const { head, settings, ...same } = this.repositories.get(name)!;
    const changed = {
      ...same,
      head: request.head ?? head,
      settings: changedSettings(settings, request.settings ?? {}),
    };
    this.repositories.set(name, changed);
    return Promise.resolve(changed);
  }

  deleteRepository(key: RepositoryInfo) {
    this.repositories.delete(key.name);
    return Promise.resolve();
  }
}

/** Sessions that say what they were asked. */
class EchoSessions implements GitSessions {
  failure: Error | undefined;

  async *advertise(service: string, name: string, options: { version: number }) {
    if (this.failure) throw this.failure;
    yield await Promise.resolve(new TextEncoder().encode(`${service} ${name} v${options.version}`));
  }

  async *respond(service: string, name: string, input: SessionInput) {
    if (this.failure) throw this.failure;
    const body = await new Response(input.body).text();
    yield new TextEncoder().encode(`${service} ${name} v${input.version} ${body}`);
  }

  async *bundle(name: string, tip: string) {
    if (this.failure) throw this.failure;
    yield await Promise.resolve(new TextEncoder().encode(`${name} ${tip}`));
  }
}

function setUp(overrides: { readOnly?: boolean } = {}) {
  const sessions = new EchoSessions();
  const metadata = new FakeMetadata();
  const state = { ready: true };
  const app = httpApp({
    sessions,
    metadata: metadata as unknown as Metadata,
    version: "1.2.3",
    readOnly: overrides.readOnly ?? false,
    autoCreate: true,
    ready: () => state.ready,
    onFailure: () => {},
  });
  return { app, sessions, metadata, state };
}

const json = (body: unknown) => ({ method: "POST", body: JSON.stringify(body) });

Deno.test("httpApp() advertises with git's preamble and cache headers", async () => {
  const { app } = setUp();
  for (const path of ["/me/thing.git", "/me/thing"]) {
    const response = await app.request(`${path}/info/refs?service=git-upload-pack`);
    assert.equal(response.status, 200);
    assert.equal(
      response.headers.get("content-type"),
      "application/x-git-upload-pack-advertisement",
    );
    assert.equal(response.headers.get("cache-control"), "no-cache, max-age=0, must-revalidate");
    assert.equal(response.headers.get("pragma"), "no-cache");
    assert.equal(response.headers.get("expires"), "Fri, 01 Jan 1980 00:00:00 GMT");
    assert.equal(
      await response.text(),
      "001e# service=git-upload-pack\n0000git-upload-pack me/thing v0",
    );
  }
});

Deno.test("httpApp() leaves the preamble out in protocol 2", async () => {
  const { app } = setUp();
  const response = await app.request("/me/thing/info/refs?service=git-upload-pack", {
    headers: { "git-protocol": "version=2" },
  });
  assert.equal(await response.text(), "git-upload-pack me/thing v2");
});

Deno.test("httpApp() serves a bundle by its tip, and lets it be kept", async () => {
  const { app, sessions } = setUp();
  const tip = "a".repeat(40);
  const response = await app.request(`/me/thing.git/bundles/${tip}.bundle`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/x-git-bundle");
  assert.equal(response.headers.get("cache-control"), "max-age=86400, immutable");
  assert.equal(await response.text(), `me/thing ${tip}`);
  for (
    const file of ["main.bundle", `${tip}.pack`, `${tip}0.bundle`, `${tip.toUpperCase()}.bundle`]
  ) {
    assert.equal((await app.request(`/me/thing/bundles/${file}`)).status, 404, file);
  }
  const post = await app.request(`/me/thing/bundles/${tip}.bundle`, { method: "POST" });
  assert.equal(post.status, 405);
  sessions.failure = new GitStratumError("not-found", "Find no such bundle");
  const missing = await app.request(`/me/thing/bundles/${tip}.bundle`);
  assert.equal(missing.status, 404);
  assert.equal(missing.headers.get("cache-control"), "no-store");
});

Deno.test("httpApp() answers HEAD without a body", async () => {
  const { app } = setUp();
  const response = await app.request("/me/thing/info/refs?service=git-receive-pack", {
    method: "HEAD",
  });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "");
});

Deno.test("httpApp() hands requests to the sessions", async () => {
  const { app } = setUp();
  const response = await app.request("/me/thing.git/git-receive-pack", {
    method: "POST",
    body: "the body",
    headers: { "content-type": "application/x-git-receive-pack-request" },
  });
  assert.equal(response.headers.get("content-type"), "application/x-git-receive-pack-result");
  assert.equal(await response.text(), "git-receive-pack me/thing v0 the body");
});

Deno.test("httpApp() checks the content type", async () => {
  const { app } = setUp();
  const response = await app.request("/me/thing.git/git-upload-pack", {
    method: "POST",
    body: "0000",
    headers: { "content-type": "application/x-git-receive-pack-request" },
  });
  assert.equal(response.status, 415);
});

Deno.test("httpApp() answers wrong methods with 405 and the right ones", async () => {
  const { app } = setUp();
  const get = await app.request("/me/thing.git/git-upload-pack");
  assert.equal(get.status, 405);
  assert.equal(get.headers.get("allow"), "POST");
  const post = await app.request("/me/thing.git/info/refs?service=git-upload-pack", {
    method: "POST",
  });
  assert.equal(post.status, 405);
});

Deno.test("httpApp() tells dumb clients and unknown services what is spoken here", async () => {
  const { app } = setUp();
  for (
    const path of ["info/refs", "HEAD", "objects/info/packs", "info/refs?service=git-bogus-pack"]
  ) {
    const response = await app.request(`/me/thing.git/${path}`);
    assert.equal(response.status, 403, path);
    assert.match(response.headers.get("content-type")!, /^text\/plain/);
  }
});

Deno.test("httpApp() turns early failures of sessions into statuses with a text", async () => {
  const { app, sessions } = setUp();
  sessions.failure = new GitStratumError("not-found", "Find no such repository", {
    data: { name: "me/thing" },
  });
  const response = await app.request("/me/thing/info/refs?service=git-upload-pack");
  assert.equal(response.status, 404);
  assert.equal(await response.text(), 'Find no such repository (name="me/thing")\n');
  sessions.failure = new Error("secret /path");
  const broken = await app.request("/me/thing/info/refs?service=git-upload-pack");
  assert.equal(broken.status, 503);
  assert.doesNotMatch(await broken.text(), /secret/);
});

Deno.test("httpApp() refuses malformed repository names", async () => {
  const { app } = setUp();
  for (const path of ["/me/a..b", "/me/%2e%2e", "/me/x.lock", "/me/a%00b", "/-x/y", "/api/v1"]) {
    const response = await app.request(`${path}/info/refs?service=git-upload-pack`);
    assert.ok([400, 404].includes(response.status), `${path} answers ${response.status}`);
  }
});

Deno.test("httpApp() manages repositories through its API", async () => {
  const { app } = setUp();
  const created = await app.request("/api/v1/repos", json({ name: "me/one" }));
  assert.equal(created.status, 201);
  assert.equal(created.headers.get("location"), "/api/v1/repos/me/one");
  const expected = {
    id: "0".repeat(32),
    name: "me/one",
    objectFormat: "sha1",
    defaultBranch: "main",
    createdAt: "1970-01-01T00:00:00.000Z",
    settings: DEFAULT_REPOSITORY_SETTINGS,
  };
  assert.deepEqual(await created.json(), expected);
  assert.deepEqual(await (await app.request("/api/v1/repos/me/one")).json(), expected);
  assert.equal((await app.request("/api/v1/repos", json({ name: "me/one" }))).status, 409);
  const change = { defaultBranch: "trunk", settings: { denyDeletes: true } };
  const patched = await app.request("/api/v1/repos/me/one", { ...json(change), method: "PATCH" });
  assert.equal(patched.status, 200);
  const settings = { ...DEFAULT_REPOSITORY_SETTINGS, denyDeletes: true };
  assert.deepEqual(await patched.json(), { ...expected, defaultBranch: "trunk", settings });
  const gone = await app.request("/api/v1/repos/me/one", { method: "DELETE" });
  assert.equal(gone.status, 204);
  const missing = await app.request("/api/v1/repos/me/one");
  assert.equal(missing.status, 404);
  assert.equal((await missing.json()).error.code, "not-found");
});

Deno.test("httpApp() lists repositories page by page", async () => {
  const { app } = setUp();
  for (const name of ["a/c", "a/a", "a/b"]) await app.request("/api/v1/repos", json({ name }));
  const first = await (await app.request("/api/v1/repos?limit=2")).json();
  assert.deepEqual(first.repositories.map((r: { name: string }) => r.name), ["a/a", "a/b"]);
  assert.equal(first.next, "a/b");
  const second = await (await app.request(`/api/v1/repos?limit=2&after=${first.next}`)).json();
  assert.deepEqual(second.repositories.map((r: { name: string }) => r.name), ["a/c"]);
  assert.equal(second.next, undefined);
});

Deno.test("httpApp() answers bad API requests with a stable error body", async () => {
  const { app } = setUp();
  const bad: [string, RequestInit | undefined][] = [
    ["/api/v1/repos", json({ name: "a/../b" })],
    ["/api/v1/repos", json({ name: "a/b", objectFormat: "md5" })],
    ["/api/v1/repos", json({ name: "a/b", extra: 1 })],
    ["/api/v1/repos", { method: "POST", body: "{" }],
    ["/api/v1/repos/a/b", { ...json({ settings: { denyDeletes: 1 } }), method: "PATCH" }],
    ["/api/v1/repos/a/b", { ...json({ head: "refs/heads/x" }), method: "PATCH" }],
    ["/api/v1/repos?limit=0", undefined],
    ["/api/v1/repos?after=..", undefined],
  ];
  for (const [path, init] of bad) {
    const response = await app.request(path, init);
    assert.equal(response.status, 400, `${path} ${JSON.stringify(init)}`);
    assert.equal((await response.json()).error.code, "invalid");
  }
});

Deno.test("httpApp() refuses changes when it is read-only", async () => {
  const { app } = setUp({ readOnly: true });
  assert.equal((await app.request("/api/v1/repos", json({ name: "a/b" }))).status, 403);
  for (const method of ["DELETE", "PATCH"]) {
    assert.equal((await app.request("/api/v1/repos/a/b", { method })).status, 403);
  }
});

Deno.test("httpApp() reports health, readiness and itself", async () => {
  const { app, state } = setUp();
  assert.equal((await app.request("/healthz")).status, 200);
  assert.equal((await app.request("/readyz")).status, 200);
  state.ready = false;
  assert.equal((await app.request("/healthz")).status, 200);
  assert.equal((await app.request("/readyz")).status, 503);
  const page = await (await app.request("http://host:8080/")).text();
  assert.match(page, /git push http:\/\/host:8080\/me\/project\.git HEAD:main/);
  assert.match(page, /1\.2\.3/);
});
