import assert from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type ExtentStore,
  type Metadata,
  type PlanRequest,
  type RepositoryInfo,
} from "@gitstratum/core/rpc";
import { BundleSession } from "./bundle_session.ts";

const COMMIT = "a".repeat(40) as Oid;
const BLOB = "b".repeat(40) as Oid;
const repository = {
  objectFormat: "sha1",
  head: "refs/heads/main",
  settings: { ...DEFAULT_REPOSITORY_SETTINGS, offerBundle: true },
} as RepositoryInfo;

/** A session about one commit and one blob, whose packs are one literal or end in a failure. */
function setUp(
  options: { readonly info?: Partial<RepositoryInfo>; readonly failure?: Error } = {},
) {
  const planned: PlanRequest[] = [];
  const metadata = {
    locate: (_: unknown, { oids }: { readonly oids: readonly Oid[] }) => {
      const types = new Map([[COMMIT, "commit"], [BLOB, "blob"]]);
      return Promise.resolve(
        oids.filter((oid) => types.has(oid)).map((oid) => ({ oid, type: types.get(oid) })),
      );
    },
    plan(_: unknown, request: PlanRequest) {
      planned.push(request);
      return Promise.resolve({
        header: { objectFormat: "sha1", objectCount: 1, shallow: [], unshallow: [], packs: [] },
        steps: (async function* () {
          yield [{ kind: "literal" as const, bytes: new Uint8Array(100_000) }];
          if (options.failure !== undefined) throw await Promise.resolve(options.failure);
        })(),
      });
    },
  } as unknown as Metadata;
  const parts = {
    metadata,
    extents: {} as ExtentStore,
    rebuild: () => (async function* () {})(),
  };
  const info = { ...repository, ...options.info };
  return { planned, session: new BundleSession(parts, info, new AbortController().signal) };
}

async function whole(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Blob(await Array.fromAsync(chunks) as never).arrayBuffer());
}

Deno.test("BundleSession.send() puts a header before a pack that needs nothing", async () => {
  const { planned, session } = setUp();
  const bytes = await whole(session.send(COMMIT));
  const text = new TextDecoder("latin1").decode(bytes);
  const header = `# v2 git bundle\n${COMMIT} refs/heads/main\n\n`;
  assert.ok(text.startsWith(`${header}PACK`));
  assert.equal(bytes.length, header.length + 12 + 100_000 + 20, "nothing of the side band is left");
  assert.deepEqual(planned[0]!.haves, []);
  assert.equal(planned[0]!.thinPack, false);
});

Deno.test("BundleSession.send() finds visible commits only, where bundles are offered", async () => {
  const missing = (error: unknown) => hasCode(error, "not-found");
  for (const tip of [BLOB, "c".repeat(40), "a".repeat(64), "main"]) {
    await assert.rejects(setUp().session.send(tip).next(), missing, tip);
  }
  const { session } = setUp({ info: { settings: DEFAULT_REPOSITORY_SETTINGS } });
  await assert.rejects(session.send(COMMIT).next(), missing, "not offered");
});

Deno.test("BundleSession.send() never ends well when its pack does not", async () => {
  const { session } = setUp({ failure: new Error("lost") });
  await assert.rejects(whole(session.send(COMMIT)), /lost/);
});
