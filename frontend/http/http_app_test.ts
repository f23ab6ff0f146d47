import assert from "node:assert/strict";
import { GitStratumError, ManualClock, systemRandom } from "@gitstratum/core";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { OPEN_AUTHENTICATOR } from "../access/authenticator.ts";
import { StalledStreams } from "../admission/stalled_streams.ts";
import { AccessGate } from "../access/access_gate.ts";
import { createApi } from "../api/api_service.ts";
import { FakeMetadata } from "../api/testing/fake_metadata.ts";
import type { SessionInput } from "../session/session.ts";
import type { GitSessions } from "./git_routes.ts";
import { httpApp } from "./http_app.ts";

/** Sessions that say what they were asked. */
class EchoSessions implements GitSessions {
  failure: Error | undefined;
  /** Answers before the request has come to its end, as sessions do that have heard enough. */
  isHasty = false;

  async *advertise(service: string, name: string, options: { version: number }) {
    if (this.failure) throw this.failure;
    yield await Promise.resolve(new TextEncoder().encode(`${service} ${name} v${options.version}`));
  }

  async *respond(service: string, name: string, input: SessionInput) {
    if (this.failure) throw this.failure;
    if (this.isHasty) {
      const reader = input.body.getReader();
      yield (await reader.read()).value!;
      return;
    }
    const body = await new Response(input.body).text();
    yield new TextEncoder().encode(`${service} ${name} v${input.version} ${body}`);
  }

  async *bundle(name: string, tip: string) {
    if (this.failure) throw this.failure;
    yield await Promise.resolve(new TextEncoder().encode(`${name} ${tip}`));
  }
}

function setUp() {
  const sessions = new EchoSessions();
  const { metadata } = new FakeMetadata();
  const state = { ready: true };
  const failures: unknown[] = [];
  const streams = new StalledStreams({
    clock: new ManualClock(),
    metrics: new PrometheusMetrics(),
    isWanted: () => false,
  });
  const app = httpApp({
    sessions,
    streams,
    archives: {
      open: (name) =>
        Promise.reject(
          new GitStratumError("not-found", "Find no such repository", { data: { name } }),
        ),
    },
    authenticator: OPEN_AUTHENTICATOR,
    api: createApi({
      metadata,
      authenticator: OPEN_AUTHENTICATOR,
      gate: new AccessGate({ clock: new ManualClock() }),
      secrets: ["secret"],
      clock: new ManualClock(),
      random: systemRandom,
      readOnly: false,
      version: "1.2.3",
    }),
    version: "1.2.3",
    autoCreate: true,
    ready: () => state.ready,
    onFailure: (error: unknown) => void failures.push(error),
  });
  return { app, sessions, state, failures, streams };
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
  const { app, sessions, failures } = setUp();
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
  assert.deepEqual(failures, [sessions.failure], "the log alone says what happened");
});

Deno.test("httpApp() refuses malformed repository names", async () => {
  const { app } = setUp();
  for (const path of ["/me/a..b", "/me/%2e%2e", "/me/x.lock", "/me/a%00b", "/-x/y", "/api/v1"]) {
    const response = await app.request(`${path}/info/refs?service=git-upload-pack`);
    assert.ok([400, 404].includes(response.status), `${path} answers ${response.status}`);
  }
});

Deno.test("httpApp() serves the API under its path", async () => {
  const { app } = setUp();
  const created = await app.request("/api/v1/repos", json({ name: "me/one" }));
  assert.equal(created.status, 201);
  assert.equal(created.headers.get("location"), "/api/v1/repos/me/one");
  assert.equal((await app.request("/api/v1/openapi.json")).status, 200);
  const missing = await app.request("/api/v1/nothing");
  assert.equal(missing.status, 404);
  assert.equal((await missing.json()).error.code, "not-found");
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

Deno.test("httpApp() watches no stream whose request has ended, however it ended", async () => {
  const { app, sessions, streams } = setUp();
  const type = "application/x-git-upload-pack-request";
  const ask = async (headers: Record<string, string> = {}) => {
    const response = await app.request("/me/thing/git-upload-pack", {
      method: "POST",
      headers: { "content-type": type, ...headers },
      body: "hello",
    });
    await response.bytes();
    assert.equal(streams.count, 0);
    return response.status;
  };
  assert.equal(await ask(), 200);
  sessions.isHasty = true;
  assert.equal(await ask(), 200);
  assert.equal(await ask({ "content-encoding": "br" }), 415);
  sessions.failure = new GitStratumError("not-found", "Find no such repository");
  assert.equal(await ask(), 404);
  const advertised = await app.request("/me/thing/info/refs?service=git-upload-pack");
  assert.equal(advertised.status, 404);
  assert.equal(streams.count, 0);
});
