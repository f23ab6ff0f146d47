import assert from "node:assert/strict";
import { BUNDLE_TIP_LIFE_MS, ManualClock } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type Metadata,
  type NegotiateRequest,
  type RepositoryInfo,
} from "@gitstratum/core/rpc";
import { BundleOffers, bundlePath, tipOfBundleFile } from "./bundle_offers.ts";

const A = "a".repeat(40) as Oid;
const B = "b".repeat(40) as Oid;
const repository = {
  repositoryId: "r1",
  head: "refs/heads/main",
  settings: { ...DEFAULT_REPOSITORY_SETTINGS, offerBundle: true },
} as RepositoryInfo;

function setUp() {
  const clock = new ManualClock();
  const state: { head: Oid | undefined; reached: Oid[] } = { head: A, reached: [A] };
  const metadata = {
    listReferences: () =>
      Promise.resolve({
        head: {
          target: "refs/heads/main",
          ...(state.head === undefined ? {} : { oid: state.head }),
        },
        references: (async function* () {})(),
      }),
    negotiate: (_: unknown, { haves }: NegotiateRequest) =>
      Promise.resolve({
        refused: [],
        common: haves,
        ready: haves.every((oid) => state.reached.includes(oid)),
      }),
  } as unknown as Metadata;
  const offers = new BundleOffers({ metadata, clock });
  const tip = async () => (await offers.list(repository, true))[0]?.uri;
  return { clock, state, offers, tip };
}

Deno.test("BundleOffers keeps to a tip while the branch builds on it", async () => {
  const { clock, state, tip } = setUp();
  assert.equal(await tip(), bundlePath(A));
  state.head = B;
  state.reached = [A, B];
  assert.equal(await tip(), bundlePath(A), "caches hold it");
  await clock.advance(BUNDLE_TIP_LIFE_MS);
  assert.equal(await tip(), bundlePath(B), "it has become old");
});

Deno.test("BundleOffers leaves a tip that the branch has left", async () => {
  const { state, tip } = setUp();
  assert.equal(await tip(), bundlePath(A));
  state.head = B;
  state.reached = [B];
  assert.equal(await tip(), bundlePath(B));
  state.head = undefined;
  assert.equal(await tip(), undefined);
});

Deno.test("BundleOffers prefers what the owner lists, and needs HTTP for its own", async () => {
  const { offers } = setUp();
  assert.equal(offers.mayOffer(repository, false), false);
  assert.deepEqual(await offers.list(repository, false), []);
  const bundleUris = [{ id: "x", uri: "https://example.com/x" }];
  const listed = { ...repository, settings: { ...repository.settings, bundleUris } };
  assert.deepEqual(await offers.list(listed, false), bundleUris);
  assert.deepEqual(await offers.list(listed, true), bundleUris);
  const none = { ...repository, settings: DEFAULT_REPOSITORY_SETTINGS };
  assert.equal(offers.mayOffer(none, true), false);
});

Deno.test("tipOfBundleFile() undoes bundlePath() and takes nothing else", () => {
  assert.equal(tipOfBundleFile(bundlePath(A).slice("bundles/".length)), A);
  for (const file of ["", "main.bundle", `${A}.bundle/`, `${A}a.bundle`, A, `../${A}.bundle`]) {
    assert.equal(tipOfBundleFile(file), undefined, file);
  }
});
