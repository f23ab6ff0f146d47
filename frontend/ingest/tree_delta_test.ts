import assert from "node:assert/strict";
import type { GitStratumError } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import { IngestBench } from "./testing/ingest_bench.ts";
import {
  delta,
  deltaSize,
  joined,
  oidOf,
  packOf,
  text,
  tree,
  whole,
} from "./testing/pack_maker.ts";

type TreeEntry = readonly [mode: string, name: string, oid: Oid];

const oid = (digits: string) => digits.repeat(20) as Oid;
const BASE: readonly TreeEntry[] = [
  ["100644", ".gitmodules", oidOf("blob", text(""))],
  ["100644", "a", oid("11")],
  ["40000", "dir", oid("22")],
  ["160000", "module", oid("33")],
  ["100644", "z".repeat(20), oid("44")],
];

/** A delta that says everything anew: what counts is what it makes, and of which base. */
function literalDelta(base: Uint8Array, result: Uint8Array): Uint8Array<ArrayBuffer> {
  const parts: (number[] | Uint8Array)[] = [deltaSize(base.length), deltaSize(result.length)];
  for (let at = 0; at < result.length; at += 127) {
    const piece = result.subarray(at, at + 127);
    parts.push([piece.length], piece);
  }
  return joined(...parts);
}

/** A pack of a tree and others, each as a delta of the one before, or all of them whole. */
function packOfTrees(
  trees: readonly (readonly TreeEntry[])[],
  options: { readonly asDeltas: boolean; readonly also?: Uint8Array },
): Uint8Array<ArrayBuffer> {
  const { asDeltas, also } = options;
  const entries = also === undefined ? [] : [also];
  let base: Uint8Array | undefined;
  for (const listed of trees) {
    const bytes = tree(listed);
    entries.push(
      base === undefined || !asDeltas
        ? whole("tree", bytes)
        : delta(entries.at(-1)!.length, literalDelta(base, bytes)),
    );
    base = bytes;
  }
  return packOf(entries);
}

/** What an ingest says of a pack: the ids it links to, or why it is refused. */
async function outcome(pack: Uint8Array<ArrayBuffer>): Promise<string[]> {
  using bench = new IngestBench();
  try {
    const { externalLinks } = await bench.take(pack);
    const ids = Array.from(
      { length: externalLinks.length / 20 },
      (_, row) => externalLinks.slice(row * 20, (row + 1) * 20).toHex(),
    );
    return ids.toSorted();
  } catch (error) {
    const { code, data, message } = error as GitStratumError;
    assert.equal(code, "invalid", String(error));
    return [message, String(data.problem)];
  }
}

const replaced = (index: number, entry: TreeEntry) => BASE.with(index, entry);
const CHANGES: Readonly<Record<string, readonly TreeEntry[]>> = {
  "another id": replaced(1, ["100644", "a", oid("55")]),
  "another directory": replaced(2, ["40000", "dir", oid("55")]),
  "another submodule": replaced(3, ["160000", "module", oid("55")]),
  "an entry less": BASE.toSpliced(1, 1),
  "an entry more": BASE.toSpliced(2, 0, ["100644", "b", oid("55")]),
  "another mode": replaced(1, ["100755", "a", oid("55")]),
  "a bad mode": replaced(1, ["100645", "a", oid("55")]),
  "a bad name": replaced(1, ["100644", "a/b", oid("55")]),
  "a zero id": replaced(1, ["100644", "a", oid("00")]),
  "an entry twice": BASE.toSpliced(2, 0, BASE[1]!),
  "another order": BASE.with(1, BASE[2]!).with(2, BASE[1]!),
};

for (const [what, changed] of Object.entries(CHANGES)) {
  Deno.test(`PackIngest.ingest() treats a tree with ${what} alike as a delta and whole`, async () => {
    // The third has to be found out from a tree that was a delta itself.
    const trees = [BASE, changed, BASE.toSpliced(4, 1), changed.toSpliced(-1, 1)];
    const asDeltas = await outcome(packOfTrees(trees, { asDeltas: true }));
    assert.deepEqual(asDeltas, await outcome(packOfTrees(trees, { asDeltas: false })));
    assert.ok(asDeltas.length > 0);
  });
}

Deno.test("PackIngest.ingest() checks the .gitmodules that a delta of a tree brings", async () => {
  const bad = text('[submodule "../x"]\n\tpath = x\n\turl = y\n');
  const named = replaced(0, ["100644", ".gitmodules", oidOf("blob", bad)]);
  const pack = packOfTrees([BASE, named], { asDeltas: true, also: whole("blob", bad) });
  const [, problem] = await outcome(pack);
  assert.match(problem!, /gitmodulesName/);
});
