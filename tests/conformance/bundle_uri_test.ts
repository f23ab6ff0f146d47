/** Bundles that clients may fetch first: `bundle-uri`. */

import assert from "node:assert/strict";
import type { CaseContext, ServedRepository } from "./case_context.ts";
import { conformance } from "./conformance.ts";

const BUNDLE = { id: "main-1", uri: "https://bundles.example.com/main-1.bundle" };
/**
 * The first client that asks servers for bundles (git 2.40). Older ones take an address only, and read
 * the bundle before they know the repository's format.
 */
const ASKING_CLIENT = [2, 40] as const;

async function change(context: CaseContext, name: string, settings: unknown): Promise<void> {
  const response = await fetch(`${context.origin}/api/v1/repos/${name}`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ settings }),
  });
  assert.equal(response.status, 200, await response.text());
}

/** What the server says that it can, as a client of version 2 sees it. */
async function offered(context: CaseContext, repository: ServedRepository): Promise<string[]> {
  const packets = await context.packets(["-c", "protocol.version=2", "ls-remote", repository.url]);
  return packets.split("\n").flatMap((line) => /packet:\s+\S+< (.*)$/.exec(line)?.[1] ?? []);
}

/** The lines of the server's answer to the command over HTTP. */
async function asked(context: CaseContext, name: string): Promise<string[]> {
  const lines = ["command=bundle-uri", `object-format=${context.objectFormat}`]
    .map((text) => `${(text.length + 4).toString(16).padStart(4, "0")}${text}`);
  const response = await fetch(`${context.httpUrl(name)}/git-upload-pack`, {
    method: "POST",
    headers: {
      "content-type": "application/x-git-upload-pack-request",
      "git-protocol": "version=2",
    },
    body: `${lines.join("")}0000`,
  });
  return packetTexts(await response.text());
}

function packetTexts(body: string): string[] {
  const texts: string[] = [];
  for (let at = 0; at < body.length;) {
    const length = parseInt(body.slice(at, at + 4), 16);
    if (length === 0) texts.push("flush");
    else texts.push(body.slice(at + 4, at + length).trimEnd());
    at += Math.max(4, length);
  }
  return texts;
}

/** The absolute address of the own bundle that a repository offers. */
async function ownBundle(context: CaseContext, name: string): Promise<string> {
  const lines = await asked(context, name);
  const path = lines.find((line) => line.startsWith("bundle.default.uri="));
  assert.ok(path, lines.join("\n"));
  return `${context.httpUrl(name)}/${path.slice("bundle.default.uri=".length)}`;
}

async function clientAsks(context: CaseContext): Promise<boolean> {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(await context.text(["version"]))!.map(Number);
  const [wantedMajor, wantedMinor] = ASKING_CLIENT;
  return major! > wantedMajor || (major === wantedMajor && minor! >= wantedMinor);
}

/** The tip that a clone got from a bundle; empty when it got none. */
async function bundled(context: CaseContext, copy: string): Promise<string> {
  return await context.text(["-C", copy, "for-each-ref", "--format=%(objectname)", "refs/bundles"]);
}

conformance("bundle-uri", {
  "nothing is offered by default": async (context) => {
    const repository = await context.seeded();
    assert.ok(!(await offered(context, repository)).includes("bundle-uri"));
    assert.deepEqual(await asked(context, repository.name), ["ERR invalid command 'bundle-uri'"]);
  },
  "listed bundles are offered, with what is known of them": async (context) => {
    const repository = await context.seeded();
    await change(context, repository.name, {
      bundleUris: [{ ...BUNDLE, creationToken: 3, filter: "blob:none" }],
      offerBundle: true,
    });
    assert.ok((await offered(context, repository)).includes("bundle-uri"));
    assert.deepEqual(await asked(context, repository.name), [
      "bundle.version=1",
      "bundle.mode=all",
      "bundle.heuristic=creationToken",
      `bundle.main-1.uri=${BUNDLE.uri}`,
      "bundle.main-1.filter=blob:none",
      "bundle.main-1.creationtoken=3",
      "flush",
    ]);
    await change(context, repository.name, { bundleUris: null, offerBundle: null });
    assert.ok(!(await offered(context, repository)).includes("bundle-uri"));
  },
  "a bundle that can not be had costs nobody a clone": async (context) => {
    const repository = await context.seeded();
    const dead = `${context.origin}/no/such/file.bundle`;
    await change(context, repository.name, { bundleUris: [{ id: "dead", uri: dead }] });
    const copy = await context.clone(repository, "-c", "transfer.bundleURI=true");
    assert.equal(
      await context.text(["-C", copy, "rev-parse", "HEAD"]),
      await context.text(["-C", repository.work, "rev-parse", "HEAD"]),
    );
  },
  "the server's own bundle holds the default branch": async (context) => {
    const repository = await context.seeded();
    const tip = await context.text(["-C", repository.work, "rev-parse", "main"]);
    await change(context, repository.name, { offerBundle: true });
    const lines = await offered(context, repository);
    assert.equal(lines.includes("bundle-uri"), context.transport === "http");
    const uri = await ownBundle(context, repository.name);
    assert.ok(uri.endsWith(`/bundles/${tip}.bundle`));
    const response = await fetch(uri);
    assert.equal(response.headers.get("content-type"), "application/x-git-bundle");
    const file = context.temp.join("own.bundle");
    await Deno.writeFile(file, new Uint8Array(await response.arrayBuffer()));
    const verified = await context.git(["-C", repository.work, "bundle", "verify", file]);
    assert.match(`${verified.stdout}${verified.stderr}`, /records a complete history/);
    const copy = await context.clone({ url: file }, "--branch=main");
    assert.equal(await context.text(["-C", copy, "rev-parse", "main"]), tip);
  },
  "the own bundle is the same however often it is asked for": async (context) => {
    const repository = await context.seeded();
    await change(context, repository.name, { offerBundle: true });
    const uri = await ownBundle(context, repository.name);
    const load = async () => new Uint8Array(await (await fetch(uri)).arrayBuffer());
    const bundle = await load();
    for (let again = 0; again < 3; again++) assert.deepEqual(await load(), bundle);
  },
  "a client starts from the own bundle and asks for the rest": async (context) => {
    const repository = await context.seeded();
    await change(context, repository.name, { offerBundle: true });
    const uri = await ownBundle(context, repository.name);
    const old = await context.text(["-C", repository.work, "rev-parse", "main"]);
    const tip = await context.commit(repository.work, "later.txt");
    await context.git(["-C", repository.work, "push", "-q", "origin", "main"]);
    assert.equal(await ownBundle(context, repository.name), uri, "caches may hold it");
    const copy = await context.clone(repository, `--bundle-uri=${uri}`);
    assert.equal(await context.text(["-C", copy, "rev-parse", "HEAD"]), tip);
    const isRead = context.objectFormat === "sha1" || await clientAsks(context);
    assert.equal(await bundled(context, copy), isRead ? old : "");
  },
  "a client that is told to uses what is offered": async (context) => {
    const repository = await context.seeded();
    await change(context, repository.name, { offerBundle: true });
    const flags = ["-c", "protocol.version=2", "-c", "transfer.bundleURI=true"];
    const copy = await context.clone(repository, ...flags);
    const isUsed = context.transport === "http" && await clientAsks(context);
    const wanted = await context.text(["-C", repository.work, "rev-parse", "HEAD"]);
    assert.equal(await bundled(context, copy), isUsed ? wanted : "");
    assert.equal(await context.text(["-C", copy, "rev-parse", "HEAD"]), wanted);
  },
  "an unborn branch has no bundle": async (context) => {
    const repository = await context.empty();
    await change(context, repository.name, { offerBundle: true });
    assert.ok(!(await offered(context, repository)).includes("bundle-uri"));
  },
  "a branch that was rewritten has another bundle": async (context) => {
    const repository = await context.seeded();
    await change(context, repository.name, { offerBundle: true });
    const uri = await ownBundle(context, repository.name);
    await context.git(["-C", repository.work, "checkout", "-q", "--orphan", "anew"]);
    const tip = await context.commit(repository.work, "anew.txt");
    await context.git(["-C", repository.work, "push", "-q", "-f", "origin", "anew:main"]);
    const anew = await ownBundle(context, repository.name);
    assert.notEqual(anew, uri);
    assert.ok(anew.endsWith(`/bundles/${tip}.bundle`));
  },
  "bundles are made of visible commits only, and only where they are offered": async (context) => {
    const repository = await context.seeded();
    const work = repository.work;
    const base = `${context.httpUrl(repository.name)}/bundles`;
    const tip = await context.text(["-C", work, "rev-parse", "main"]);
    const statusOf = async (oid: string) => {
      const response = await fetch(`${base}/${oid}.bundle`);
      await response.body?.cancel();
      return response.status;
    };
    assert.equal(await statusOf(tip), 404, "not offered");
    await context.commit(work, "secret.txt");
    await context.git(["-C", work, "push", "-q", "origin", "main:refs/secret/x"]);
    const secret = await context.text(["-C", work, "rev-parse", "main"]);
    await change(context, repository.name, {
      offerBundle: true,
      hiddenReferences: ["refs/secret"],
    });
    assert.equal(await statusOf(tip), 200);
    assert.equal(await statusOf(secret), 404, "hidden");
    assert.equal(await statusOf(context.unknownOid), 404);
    const tree = await context.text(["-C", work, "rev-parse", `${tip}^{tree}`]);
    assert.equal(await statusOf(tree), 404, "no commit");
  },
}, { ownOnly: true });
