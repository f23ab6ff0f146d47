/** Packs that clones fetch elsewhere: `packfile-uris`. */

import assert from "node:assert/strict";
import type { CaseContext } from "./case_context.ts";
import { conformance } from "./conformance.ts";

/** A server of one pack, that counts how often it is asked. */
interface PackHost extends AsyncDisposable {
  readonly uri: string;
  asked: number;
}

function hostPack(bytes: Uint8Array<ArrayBuffer>): PackHost {
  let asked = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
    asked++;
    return new Response(bytes);
  });
  return {
    uri: `http://127.0.0.1:${server.addr.port}/static.pack`,
    get asked() {
      return asked;
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Everything that a commit reaches, as a pack and its trailer. */
async function packOf(context: CaseContext, source: string, tip: string) {
  const base = context.temp.join("static");
  const hash = await context.text(["-C", source, "pack-objects", "-q", "--revs", base], {
    stdin: `${tip}\n`,
  });
  return { hash, bytes: await Deno.readFile(`${base}-${hash}.pack`) };
}

async function offer(context: CaseContext, name: string, packfileUris: unknown): Promise<void> {
  const response = await fetch(`${context.origin}/api/v1/repos/${name}`, {
    method: "PATCH",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ settings: { packfileUris } }),
  });
  assert.equal(response.status, 200, await response.text());
}

/** A repository that offers its first three commits as a pack, and has a fourth. */
async function offering(context: CaseContext) {
  const repository = await context.seeded();
  const { work } = repository;
  const oid = await context.text(["-C", work, "rev-parse", "main"]);
  const { hash, bytes } = await packOf(context, work, oid);
  const host = hostPack(bytes);
  await offer(context, repository.name, [{ oid, packs: [{ hash, uri: host.uri }] }]);
  const tip = await context.commit(work, "later.txt");
  await context.git(["-C", work, "push", "-q", "origin", "main"]);
  return { ...repository, host, hash, oid, tip };
}

const TAKING: readonly string[] = [
  "-c",
  "protocol.version=2",
  "-c",
  "fetch.uriProtocols=http,https",
];

conformance("packfile-uris", {
  "nothing is offered by default": async (context) => {
    const repository = await context.seeded();
    const packets = await context.packets([...TAKING, "ls-remote", repository.url]);
    assert.doesNotMatch(packets, /packfile-uris/);
  },
  "a clone fetches the offered pack and gets the rest": async (context) => {
    const repository = await offering(context);
    await using host = repository.host;
    const copy = context.temp.join("copy");
    const packets = await context.packets(["clone", ...TAKING, repository.url, copy]);
    assert.match(packets, /> packfile-uris http,https/);
    assert.match(packets, new RegExp(`< (\\x01|\\\\1)?${repository.hash} http://`));
    assert.equal(host.asked, 1);
    assert.equal(await context.text(["-C", copy, "rev-parse", "HEAD"]), repository.tip);
    await context.git(["-C", copy, "fsck", "--full", "--strict"]);
    const packs = (await Array.fromAsync(Deno.readDir(`${copy}/.git/objects/pack`)))
      .map(({ name }) => name).filter((name) => name.endsWith(".pack"));
    assert.equal(packs.length, 2);
    const rest = packs.find((name) => !name.includes(repository.hash))!;
    const index = `${copy}/.git/objects/pack/${rest.replace(/pack$/, "idx")}`;
    const listed = await context.lines(["-C", copy, "verify-pack", "-v", index]);
    const objects = listed.filter((line) => /^[0-9a-f]{40,64} /.test(line));
    assert.equal(objects.length, 3, "a commit, its tree, its file");
  },
  "a clone of exactly what is offered": async (context) => {
    const repository = await context.seeded();
    const oid = await context.text(["-C", repository.work, "rev-parse", "main"]);
    const { hash, bytes } = await packOf(context, repository.work, oid);
    await using host = hostPack(bytes);
    await offer(context, repository.name, [{ oid, packs: [{ hash, uri: host.uri }] }]);
    const copy = await context.clone(repository, ...TAKING);
    assert.equal(host.asked, 1);
    assert.equal(await context.text(["-C", copy, "rev-parse", "HEAD"]), oid);
  },
  "tags and other branches come along": async (context) => {
    const repository = await offering(context);
    await using host = repository.host;
    const { work } = repository;
    await context.git(["-C", work, "tag", "-a", "-m", "old", "v1", repository.oid]);
    await context.git(["-C", work, "checkout", "-q", "--orphan", "pages"]);
    const pages = await context.commit(work, "page.html");
    await context.git(["-C", work, "push", "-q", "origin", "v1", "pages"]);
    const copy = await context.clone(repository, ...TAKING);
    assert.equal(host.asked, 1);
    assert.equal(await context.text(["-C", copy, "rev-parse", "v1^{commit}"]), repository.oid);
    assert.equal(await context.text(["-C", copy, "rev-parse", "origin/pages"]), pages);
  },
  "who can not take it gets everything from the server": async (context) => {
    const repository = await offering(context);
    await using host = repository.host;
    const refusals: readonly (readonly string[])[] = [
      ["-c", "protocol.version=2"],
      ["-c", "protocol.version=2", "-c", "fetch.uriProtocols=https"],
      ["-c", "protocol.version=0", "-c", "fetch.uriProtocols=http"],
      [...TAKING, "--depth=1"],
      [...TAKING, "--filter=blob:none"],
    ];
    for (const flags of refusals) {
      const copy = await context.clone(repository, ...flags);
      assert.equal(await context.text(["-C", copy, "rev-parse", "HEAD"]), repository.tip);
    }
    assert.equal(host.asked, 0);
  },
  "a fetch into a repository gets everything from the server": async (context) => {
    const repository = await context.seeded();
    const copy = await context.clone(repository);
    const { work } = repository;
    const tip = await context.commit(work, "later.txt");
    await context.git(["-C", work, "push", "-q", "origin", "main"]);
    const { hash, bytes } = await packOf(context, work, tip);
    await using host = hostPack(bytes);
    await offer(context, repository.name, [{ oid: tip, packs: [{ hash, uri: host.uri }] }]);
    await context.git(["-C", copy, ...TAKING, "fetch", "-q"]);
    assert.equal(host.asked, 0);
    assert.equal(await context.text(["-C", copy, "rev-parse", "origin/main"]), tip);
  },
  "a pack of a branch that left it behind is not offered": async (context) => {
    const repository = await offering(context);
    await using host = repository.host;
    await context.git(["-C", repository.work, "checkout", "-q", "--orphan", "anew"]);
    const tip = await context.commit(repository.work, "anew.txt");
    await context.git(["-C", repository.work, "push", "-q", "-f", "origin", "anew:main"]);
    const copy = await context.clone(repository, ...TAKING);
    assert.equal(await context.text(["-C", copy, "rev-parse", "HEAD"]), tip);
    assert.equal(host.asked, 0);
  },
  "a pack that is not what was promised fails the clone": async (context) => {
    const repository = await context.seeded();
    const oid = await context.text(["-C", repository.work, "rev-parse", "main"]);
    const { bytes } = await packOf(context, repository.work, oid);
    await using host = hostPack(bytes);
    const packs = [{ hash: context.unknownOid, uri: host.uri }];
    await offer(context, repository.name, [{ oid, packs }]);
    const copy = context.temp.join("copy");
    await context.refused(
      ["clone", ...TAKING, repository.url, copy],
      /does not match expected hash|unable to finish http-fetch|expected keep then TAB/,
    );
  },
}, { ownOnly: true });
