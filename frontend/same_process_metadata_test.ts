import assert from "node:assert/strict";
import { type Clock, hasCode, ManualClock, silentLogger, systemRandom } from "@gitstratum/core";
import { ConsensusLog, MemoryConsensus } from "@gitstratum/core/consensus";
import {
  MemoryExtentStore,
  type Metadata,
  MetadataClient,
  parseRepositoryName,
  type RepositoryKey,
} from "@gitstratum/core/rpc";
import { openMetadataNode } from "@gitstratum/metadata";
import { SameProcessMetadata } from "./same_process_metadata.ts";

const name = parseRepositoryName("owner/name");

interface Opened extends AsyncDisposable {
  readonly metadata: Metadata;
  /** The same node, asked over its wire. */
  readonly wire: Metadata;
  /** Paths of the requests that reached the service. */
  readonly requests: string[];
}

async function open(clock: Clock = new ManualClock(1)): Promise<Opened> {
  const directory = await Deno.makeTempDir({ prefix: "gitstratum-test-" });
  const node = await openMetadataNode({
    dataDirectory: directory,
    log: new ConsensusLog(new MemoryConsensus({ clock, random: systemRandom })),
    extents: new MemoryExtentStore({ clock }),
    clock,
    random: systemRandom,
    logger: silentLogger,
  });
  const requests: string[] = [];
  const wire = new MetadataClient((request) => node.service.fetch(request));
  const service = new MetadataClient((request) => {
    requests.push(new URL(request.url).pathname.split("/").at(-1)!);
    return node.service.fetch(request);
  });
  return {
    metadata: new SameProcessMetadata(node.metadata, service),
    wire,
    requests,
    async [Symbol.asyncDispose]() {
      await node.close();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

function create(metadata: Metadata) {
  return metadata.createRepository({ name, objectFormat: "sha1", defaultBranch: "main" });
}

/** Everything that is only read, as far as it can be compared. */
async function readings(metadata: Metadata, key: RepositoryKey) {
  const none = { wants: [], haves: [], clientShallow: [] };
  const { head, references } = await metadata.listReferences(key, { prefixes: [] });
  const lines = await new Response(
    await metadata.openReferenceLines(key) as ReadableStream<Uint8Array<ArrayBuffer>>,
  ).text();
  const plan = await metadata.plan(key, {
    ...none,
    thinPack: false,
    ofsDelta: true,
    includeTag: false,
  });
  return {
    found: await metadata.findRepository(name),
    listed: await metadata.findListed(name),
    known: await metadata.listKnown(key, name),
    head,
    references: (await Array.fromAsync(references)).flat(),
    lines,
    negotiated: await metadata.negotiate(key, none),
    tags: await metadata.tagDigest(key),
    boundary: await metadata.deepen(key, {
      wants: [],
      clientShallow: [],
      depth: { kind: "commits", depth: 1, relative: false },
    }),
    plan: { header: plan.header, steps: await Array.fromAsync(plan.steps) },
    located: await metadata.locate(key, { oids: [], scope: "visible" }),
    stored: [...await metadata.known(key, new Uint8Array(20))],
  };
}

Deno.test("SameProcessMetadata reads what the wire would tell, and asks no service for it", async () => {
  await using opened = await open();
  const { metadata, wire, requests } = opened;
  const repository = await create(metadata);
  assert.deepEqual(requests, ["repositories"]);
  assert.deepEqual(await readings(metadata, repository), await readings(wire, repository));
  assert.deepEqual(requests, ["repositories"]);
});

Deno.test("SameProcessMetadata sees a change at once", async () => {
  await using opened = await open();
  const { metadata, requests } = opened;
  const repository = await create(metadata);
  const settings = { hiddenReferences: ["refs/secret/"] };
  await metadata.updateRepository(repository, { settings, head: "refs/heads/other" });
  const found = await metadata.findRepository(name);
  assert.deepEqual(found?.settings.hiddenReferences, ["refs/secret/"]);
  assert.equal(
    (await metadata.listReferences(repository, { prefixes: [] })).head.target,
    found.head,
  );
  const renamed = parseRepositoryName("owner/renamed");
  await metadata.renameRepository(repository, { name: renamed, from: name });
  assert.equal((await metadata.findRepository(name))?.name, renamed);
  await metadata.deleteRepository(repository);
  assert.equal(await metadata.findRepository(renamed), undefined);
  await assert.rejects(
    metadata.listReferences(repository, { prefixes: [] }),
    (error) => hasCode(error, "not-found"),
  );
  assert.deepEqual(requests, [
    "repositories",
    repository.repositoryId,
    "rename",
    repository.repositoryId,
  ]);
});
