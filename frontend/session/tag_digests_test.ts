import assert from "node:assert/strict";
import { GitStratumError } from "@gitstratum/core";
import type { RepositoryId, RepositoryInfo } from "@gitstratum/core/rpc";
import { TagDigests } from "./tag_digests.ts";

const one = { repositoryId: "1".repeat(32) as RepositoryId } as RepositoryInfo;
const other = { repositoryId: "2".repeat(32) as RepositoryId } as RepositoryInfo;

/** Answers that come when they are told to. */
class FakeMetadata {
  tags = "none";
  readonly gates: PromiseWithResolvers<void>[] = [];

  async tagDigest(): Promise<string> {
    const { tags } = this;
    const gate = Promise.withResolvers<void>();
    this.gates.push(gate);
    await gate.promise;
    return tags;
  }
}

/** Lets everything run that can. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("TagDigests.of() asks once for all who want it while another question runs", async () => {
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
  metadata.tags = "v1";
  const after = digests.of(one);
  metadata.gates[0]!.resolve();
  await before;
  await settle();
  metadata.tags = "none";
  // The waiting question has been asked: this one may not share it.
  const last = digests.of(one);
  metadata.gates[1]!.resolve();
  assert.notEqual(await after, await before);
  await settle();
  metadata.gates[2]!.resolve();
  assert.equal(await last, await before);
});

Deno.test("TagDigests.of() fails only those whose question failed", async () => {
  const metadata = new FakeMetadata();
  const digests = new TagDigests(metadata);
  const first = digests.of(one);
  const second = digests.of(one);
  const failure = new GitStratumError("unavailable", "Lose a node");
  metadata.gates[0]!.reject(failure);
  await assert.rejects(first, { code: "unavailable" });
  await settle();
  metadata.gates[1]!.resolve();
  assert.equal(await second, "none");
  const third = digests.of(one);
  assert.equal(metadata.gates.length, 3, "nothing is kept");
  metadata.gates[2]!.resolve();
  assert.equal(await third, await second);
});
