import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DELTA_DEPTH_MAX, type GitStratumError, OBJECT_BYTES_MAX } from "@gitstratum/core";
import { FileDisk } from "@gitstratum/core/disk";
import { DEFAULT_PUSH_POLICY, type ObjectFormat, type Oid } from "@gitstratum/core/git";
import type { GroupId } from "@gitstratum/core/rpc";
import { IngestEngine } from "./ingest_engine.ts";
import type { IngestResult } from "./ingest_host.ts";
import { IngestMemory, objectBytesMaxOf } from "./ingest_memory.ts";
import { IngestScratch } from "./ingest_scratch.ts";
import { PackShare, type ResolvedShare, type ShareHelper } from "./pack_share.ts";
import { ShareThread } from "./share_thread.ts";
import { FileSpool } from "./spool.ts";
import { StartedShare } from "./started_share.ts";
import { fastImportHistory, GitSource } from "./testing/git_source.ts";
import { NetworkFake } from "./testing/network_fake.ts";
import {
  appendDelta,
  delta,
  deltaSize,
  joined,
  oidOf,
  packOf,
  text,
  tree,
  whole,
} from "./testing/pack_maker.ts";
import { WorkBudget } from "./work_budget.ts";

/** So small that few bases are still there when their deltas come. */
const RING_BYTES = 24_000;
const SPOOL = "spool";

/** What the network has after an ingest. */
interface Outcome {
  readonly network: NetworkFake;
  readonly result: IngestResult;
}

type HelperKind = "none" | "here" | "thread";

/** Ingests one pack in a scratch directory of its own. */
class ShareBench implements Disposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "ingest-share-" });
  readonly shares: ResolvedShare[] = [];
  closedCount = 0;
  readonly #started: StartedShare[] = [];
  readonly ended = new Int32Array(new SharedArrayBuffer(4));

  async take(
    pack: Uint8Array,
    kind: HelperKind,
    options: { readonly format?: ObjectFormat; readonly tips?: readonly Oid[] } = {},
  ): Promise<Outcome> {
    const { format = "sha1", tips = [] } = options;
    const network = new NetworkFake(format);
    Deno.writeFileSync(`${this.directory}/${SPOOL}`, pack);
    const scratch = this.#scratch();
    const helper = this.#helper(kind);
    const engine = new IngestEngine({
      job: { groupId: "3".repeat(32) as GroupId, format, tips },
      policy: DEFAULT_PUSH_POLICY,
      objectBytesMax: OBJECT_BYTES_MAX,
      seed: new Uint8Array(8),
      scratch,
      spool: new FileSpool(scratch.named(SPOOL)),
      memory: IngestMemory.create(RING_BYTES),
      budget: WorkBudget.forPush(),
      ...(helper !== undefined && { helper }),
      isEnded: () => kind === "none" && Atomics.load(this.ended, 0) !== 0,
      host: {
        arrival: () => Promise.resolve({ bytes: pack.length, ended: true }),
        known: () => Promise.resolve(new Uint32Array()),
        bases: () => Promise.resolve([]),
        digests: () => Promise.resolve([]),
        write: (extents) => network.extents.write(network.repository.networkId, extents),
        progress: () => {},
      },
    });
    try {
      return { network, result: await engine.run() };
    } finally {
      scratch.close();
      Deno.removeSync(`${this.directory}/${SPOOL}`);
      assert.deepEqual([...Deno.readDirSync(this.directory)], []);
    }
  }

  /** A helper in a thread of its own. */
  thread(): ShareThread {
    const { directory, ended } = this;
    const started = new StartedShare({ directory, spoolName: SPOOL, ended }, (error) => {
      throw error;
    });
    this.#started.push(started);
    return new ShareThread(started.port);
  }

  #scratch(): IngestScratch {
    const { directory } = this;
    return new IngestScratch(new FileDisk(directory), { directory, prefix: SPOOL });
  }

  /** A helper that gets every second whole object, and the deltas on those. */
  #helper(kind: HelperKind): ShareHelper | undefined {
    if (kind === "none") return undefined;
    const helper = kind === "here" ? new ShareHere(this.#scratch()) : this.thread();
    let askedCount = 0;
    return {
      entryCountMin: 1,
      objectBytesMax: objectBytesMaxOf(RING_BYTES / 2),
      get backlogKib() {
        return askedCount++ % 2 === 0 ? 0 : Infinity;
      },
      begin: (terms) => helper.begin(terms),
      take: (batch) => helper.take(batch),
      finish: async () => {
        const share = await helper.finish();
        this.shares.push(share);
        return share;
      },
      close: () => {
        this.closedCount++;
        helper.close();
      },
    };
  }

  [Symbol.dispose](): void {
    for (const started of this.#started) started.close();
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** A helper in this thread. */
class ShareHere implements Pick<ShareHelper, "begin" | "take" | "finish" | "close"> {
  readonly #scratch: IngestScratch;
  #share: PackShare | undefined;

  constructor(scratch: IngestScratch) {
    this.#scratch = scratch;
  }

  begin(terms: Parameters<ShareHelper["begin"]>[0]): void {
    this.#share = new PackShare(structuredClone(terms), {
      scratch: this.#scratch,
      spool: new FileSpool(this.#scratch.named(SPOOL)),
      memory: IngestMemory.create(RING_BYTES / 2),
    });
  }

  take(batch: Parameters<ShareHelper["take"]>[0]): void {
    this.#share!.take(structuredClone(batch));
  }

  finish(): Promise<ResolvedShare> {
    return Promise.resolve(structuredClone(this.#share!.finish()));
  }

  close(): void {
    this.#share?.close();
    this.#share = undefined;
    this.#scratch.close();
  }
}

/** Digests of all that was stored: history, content, index. */
async function stored({ network, result }: Outcome): Promise<string[]> {
  const parts = await Promise.all(
    (["h", "c", "i"] as const).map((part) => network.part(result.group!, part)),
  );
  return parts.map((bytes) => createHash("sha256").update(bytes).digest("hex"));
}

/** A pack with many trees, blobs and delta chains. */
async function historyPack(
  format: ObjectFormat,
): Promise<{ readonly pack: Uint8Array<ArrayBuffer>; readonly tips: Oid[] }> {
  await using source = await GitSource.create(format);
  await source.run(["fast-import", "--quiet"], fastImportHistory(150));
  await source.run(["repack", "-adfq", "--depth=50"]);
  const tips = [await source.text(["rev-parse", "main"]), await source.text(["rev-parse", "v1"])];
  return { pack: await source.packAll(), tips: tips as Oid[] };
}

for (const format of ["sha1", "sha256"] as const) {
  Deno.test(`adoptShare() makes the same group as one thread alone, ${format}`, async () => {
    const { pack, tips } = await historyPack(format);
    using bench = new ShareBench();
    const alone = await bench.take(pack, "none", { format, tips });
    const shared = await bench.take(pack, "here", { format, tips });
    assert.ok(bench.shares[0]!.entries.length > 20, "a share of some size");
    assert.deepEqual(await stored(shared), await stored(alone));
    assert.deepEqual({ ...shared.result }, { ...alone.result });
  });
}

Deno.test("ShareThread.finish() makes the same group as one thread alone", async () => {
  const { pack, tips } = await historyPack("sha1");
  using bench = new ShareBench();
  const alone = await bench.take(pack, "none", { tips });
  const shared = await bench.take(pack, "thread", { tips });
  assert.ok(bench.shares[0]!.entries.length > 20, "a share of some size");
  assert.deepEqual(await stored(shared), await stored(alone));
});

/** Random bytes that are the same in each run. */
function noise(seed: number, bytes: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes);
  let state = seed * 2654435761 | 1;
  for (let at = 0; at < bytes; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[at] = state;
  }
  return out;
}

/** Builds packs entry by entry; deltas name the entries that they build on. */
class PackPlan {
  readonly entries: Uint8Array<ArrayBuffer>[] = [];
  readonly objects: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;

  whole(bytes: Uint8Array<ArrayBuffer>): number {
    return this.#add(whole("blob", bytes), bytes);
  }

  grown(base: number, added: string, by: "offset" | "id" = "offset"): number {
    const bytes = this.objects[base]!;
    const target = by === "id" ? oidOf("blob", bytes) : this.#bytes - this.#offsetOf(base);
    const grown = joined(bytes, text(added));
    return this.#add(delta(target, appendDelta(bytes.length, text(added))), grown);
  }

  /** Pushes everything before out of the ring. */
  flush(seed: number): void {
    for (let part = 0; part < 8; part++) this.whole(noise(seed * 8 + part, RING_BYTES / 6));
  }

  get pack(): Uint8Array<ArrayBuffer> {
    return packOf(this.entries);
  }

  get oids(): Oid[] {
    return [...new Set(this.objects.map((bytes) => oidOf("blob", bytes)))].sort();
  }

  #offsetOf(entry: number): number {
    return this.entries.slice(0, entry).reduce((sum, bytes) => sum + bytes.length, 0);
  }

  #add(entry: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>): number {
    this.entries.push(entry);
    this.objects.push(bytes);
    this.#bytes += entry.length;
    return this.entries.length - 1;
  }
}

/** Fails unless git can read what was stored, and it is what was planned. */
async function requireStored({ network, result }: Outcome, plan: PackPlan): Promise<void> {
  const index = await network.commit(result.group!);
  const oids = Array.from({ length: index.objectCount }, (_, ordinal) => index.oidAt(ordinal));
  assert.deepEqual(oids.sort(), plan.oids);
  for (let ordinal = 0; ordinal < index.objectCount; ordinal++) {
    let depth = 0;
    for (let at = ordinal; index.isDelta(at); at = index.baseAt(at)) depth++;
    assert.ok(depth <= DELTA_DEPTH_MAX, `a chain of ${depth}`);
  }
  await using git = await GitSource.create();
  await git.run(["index-pack", "--strict", "--stdin"], await network.reassemble(result.group!));
}

Deno.test("adoptShare() finds that both threads made the same objects", async () => {
  const plan = new PackPlan();
  // Two roots whose trees make the same objects: one for each thread, in two ways.
  const roots = [plan.whole(noise(1, 3000)), plan.whole(noise(2, 3000))];
  plan.flush(3);
  for (const root of roots) {
    const grown = plan.grown(root, "x");
    plan.flush(20 + root);
    plan.grown(plan.grown(grown, "y"), "z");
  }
  const again = [plan.whole(plan.objects[roots[0]!]!), plan.whole(noise(4, 3000))];
  plan.flush(5);
  // A root that is a duplicate, and the same results from another base.
  const first = plan.grown(again[0]!, "x");
  plan.flush(6);
  plan.grown(plan.grown(first, "y"), "other");
  plan.grown(again[1]!, "x");
  const whole = plan.whole(joined(plan.objects[again[1]!]!, text("xx")));
  plan.flush(7);
  plan.grown(whole, "x");
  plan.grown(plan.grown(again[1]!, "xx"), "xx");
  using bench = new ShareBench();
  const outcome = await bench.take(plan.pack, "here");
  assert.ok(bench.shares[0]!.entries.length > 0);
  assert.ok(outcome.result.duplicateCount > 0);
  await requireStored(outcome, plan);
});

Deno.test("adoptShare() and chains of either thread end at the same depth", async () => {
  const plan = new PackPlan();
  const tips = [plan.whole(noise(1, 300)), plan.whole(noise(2, 300))];
  plan.flush(3);
  for (let round = 0; round < DELTA_DEPTH_MAX * 2 + 5; round++) {
    for (const [chain, tip] of tips.entries()) tips[chain] = plan.grown(tip, `${chain}`);
  }
  using bench = new ShareBench();
  const shared = await bench.take(plan.pack, "here");
  assert.ok(bench.shares[0]!.entries.length > DELTA_DEPTH_MAX);
  assert.deepEqual(await stored(shared), await stored(await bench.take(plan.pack, "none")));
  await requireStored(shared, plan);
});

Deno.test("DeltaResolver.resolveFromPack() resolves what names objects of the share by id", async () => {
  const plan = new PackPlan();
  const roots = [plan.whole(noise(1, 3000)), plan.whole(noise(2, 3000))];
  plan.flush(3);
  for (const root of roots) {
    const grown = plan.grown(root, "a");
    const named = plan.grown(grown, "b", "id");
    plan.grown(plan.grown(named, "c"), "d", "id");
    plan.grown(root, "e", "id");
    plan.flush(10 + root);
  }
  using bench = new ShareBench();
  const outcome = await bench.take(plan.pack, "here");
  assert.ok(bench.shares[0]!.entries.length > 0);
  await requireStored(outcome, plan);
});

/** A pack of two delta trees whose last objects are `bad`, in one half or the other. */
function badPackOf(bad: Uint8Array<ArrayBuffer>, half: 0 | 1): Uint8Array<ArrayBuffer> {
  const base = tree([["100644", "a", oidOf("blob", text("a"))]]);
  const entries = [whole("tree", base), whole("blob", noise(1, 4000))];
  const order = half === 0 ? entries : entries.toReversed();
  const filler = Array.from({ length: 8 }, (_, part) => whole("blob", noise(50 + part, 4000)));
  const all = [...order, ...filler];
  const distanceTo = (entry: number) =>
    all.slice(entry).reduce((sum, bytes) => sum + bytes.length, 0);
  const blob = half === 0 ? 1 : 0;
  all.push(delta(distanceTo(blob), appendDelta(4000, text("more"))));
  const literal = joined(deltaSize(base.length), deltaSize(bad.length), [bad.length], bad);
  all.push(delta(distanceTo(1 - blob), literal));
  return packOf(all);
}

Deno.test("IngestEngine.run() gives up when its ingest has ended", async () => {
  const { pack } = await historyPack("sha1");
  using bench = new ShareBench();
  Atomics.store(bench.ended, 0, 1);
  await assert.rejects(bench.take(pack, "none"), (error: GitStratumError) => {
    assert.equal(error.code, "unavailable");
    return true;
  });
});

Deno.test("ShareThread.finish() throws when the ingest ended while nothing was to do", async () => {
  using bench = new ShareBench();
  const { directory, ended } = bench;
  Deno.writeFileSync(`${directory}/${SPOOL}`, new Uint8Array());
  const thread = bench.thread();
  const terms = { format: "sha1", policy: DEFAULT_PUSH_POLICY, objectBytesMax: 1000 } as const;
  thread.begin({ ...terms, seed: new Uint8Array(8), entryCount: 1 });
  Atomics.store(ended, 0, 1);
  Atomics.notify(ended, 0);
  await assert.rejects(thread.finish(), (error: GitStratumError) => error.code === "unavailable");
  thread.close();
});

Deno.test("ShareThread.finish() gives a share up when the ingest has ended", async () => {
  const { pack } = await historyPack("sha1");
  using bench = new ShareBench();
  Atomics.store(bench.ended, 0, 1);
  await assert.rejects(bench.take(pack, "thread"), (error: GitStratumError) => {
    assert.equal(error.code, "unavailable");
    return true;
  });
});

for (const kind of ["here", "thread"] as const) {
  for (const half of [0, 1] as const) {
    Deno.test(`IngestEngine.run() refuses a bad object of half ${half}, ${kind}`, async () => {
      const bad = text("100644 a/b\0" + "\x01".repeat(20));
      using bench = new ShareBench();
      await assert.rejects(bench.take(badPackOf(bad, half), kind), (error: GitStratumError) => {
        assert.equal(error.code, "invalid");
        assert.match(String(error.data.problem), /fullPathname/);
        return true;
      });
      assert.ok(bench.closedCount > 0);
    });
  }
}

Deno.test("adoptShare() has blobs checked that only the share's trees name", async () => {
  const bad = text('[submodule "../x"]\n\tpath = x\n\turl = y\n');
  const base = tree([["100644", "a", oidOf("blob", text("a"))]]);
  const named = tree([["100644", ".gitmodules", oidOf("blob", bad)]]);
  const entries = [whole("blob", bad), whole("blob", noise(9, 3000)), whole("tree", base)];
  for (let part = 0; part < 8; part++) entries.push(whole("blob", noise(part + 1, 4000)));
  const distanceTo = (entry: number) =>
    entries.slice(entry).reduce((sum, bytes) => sum + bytes.length, 0);
  entries.push(delta(distanceTo(1), appendDelta(3000, text("!"))));
  const literal = joined(deltaSize(base.length), deltaSize(named.length), [named.length], named);
  entries.push(delta(distanceTo(2), literal));
  using bench = new ShareBench();
  await assert.rejects(bench.take(packOf(entries), "here"), (error: GitStratumError) => {
    assert.match(String(error.data.problem), /gitmodulesName/);
    return true;
  });
});
