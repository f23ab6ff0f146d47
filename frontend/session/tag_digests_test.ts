import assert from "node:assert/strict";
import { GitStratumError } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import type {
  Reference,
  ReferenceListing,
  RepositoryId,
  RepositoryInfo,
} from "@gitstratum/core/rpc";
import { TagDigests } from "./tag_digests.ts";

const one = { repositoryId: "1".repeat(32) as RepositoryId } as RepositoryInfo;
const other = { repositoryId: "2".repeat(32) as RepositoryId } as RepositoryInfo;
const V1: Reference = { name: "refs/tags/v1", oid: "a".repeat(40) as Oid };

/** Listings that end when they are told to. */
class FakeMetadata {
  tags: readonly Reference[] = [];
  readonly gates: PromiseWithResolvers<void>[] = [];

  async listReferences(): Promise<ReferenceListing> {
    const { tags } = this;
    const gate = Promise.withResolvers<void>();
    this.gates.push(gate);
    await gate.promise;
    const references = (async function* () {
      yield await Promise.resolve(tags);
    })();
    return { head: { target: "refs/heads/main" }, references };
  }
}

/** Lets everything run that can. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("TagDigests.of() lists once for all who ask while another listing runs", async () => {
  const metadata = new FakeMetadata();
  const digests = new TagDigests(metadata);
  const first = digests.of(one);
  const rest = [digests.of(one), digests.of(one), digests.of(one)];
  const elsewhere = digests.of(other);
  assert.equal(metadata.gates.length, 2, "one for each repository");
  for (const gate of metadata.gates) gate.resolve();
  await Promise.all([first, elsewhere]);
  await settle();
  assert.equal(metadata.gates.length, 3);
  metadata.gates[2]!.resolve();
  assert.equal(new Set([await first, ...await Promise.all(rest)]).size, 1);
});

Deno.test("TagDigests.of() never answers with what was true before it was asked", async () => {
  const metadata = new FakeMetadata();
  const digests = new TagDigests(metadata);
  const before = digests.of(one);
  metadata.tags = [V1];
  const after = digests.of(one);
  metadata.gates[0]!.resolve();
  await before;
  await settle();
  metadata.tags = [];
  // The waiting listing has begun: this one may not share it.
  const last = digests.of(one);
  metadata.gates[1]!.resolve();
  assert.notEqual(await after, await before);
  await settle();
  metadata.gates[2]!.resolve();
  assert.equal(await last, await before);
});

Deno.test("TagDigests.of() fails only those whose listing failed", async () => {
  const metadata = new FakeMetadata();
  const digests = new TagDigests(metadata);
  const first = digests.of(one);
  const second = digests.of(one);
  const failure = new GitStratumError("unavailable", "Lose a node");
  metadata.gates[0]!.reject(failure);
  await assert.rejects(first, { code: "unavailable" });
  await settle();
  metadata.gates[1]!.resolve();
  assert.equal((await second).length, 64);
  const third = digests.of(one);
  assert.equal(metadata.gates.length, 3, "nothing is kept");
  metadata.gates[2]!.resolve();
  assert.equal(await third, await second);
});
