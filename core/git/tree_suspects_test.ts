import assert from "node:assert/strict";
import { Kernels } from "@gitstratum/wasm";
import fc from "fast-check";
import { checkObject, checkTreeSuspects, describeFinding } from "./fsck.ts";
import type { FsckFinding } from "./fsck_message.ts";
import { type ObjectFormat, oidBytes } from "./oid.ts";
import { SpecialBlobs } from "./special_blobs.ts";
import { latin, ODD } from "./testing/odd_objects.ts";
import { TreeCursor } from "./tree.ts";

const SUSPECT_COUNT_MAX = 8;
const kernels = Kernels.create();
const room = kernels.alloc(1 << 20);
const suspectsPointer = kernels.alloc(SUSPECT_COUNT_MAX * 4);

interface Verdict {
  readonly findings: readonly string[];
  readonly special: readonly string[];
}

function verdict(check: (specialBlobs: SpecialBlobs) => readonly FsckFinding[]): Verdict {
  const special = new SpecialBlobs();
  const findings = check(special).map((finding) =>
    `${finding.severity} ${describeFinding(finding)}`
  );
  return { findings, special: special.pending };
}

/** What the kernel sees; the tree ends where its region does. */
function suspects(bytes: Uint8Array, format: ObjectFormat): Uint32Array | undefined {
  const pointer = room + (1 << 20) - bytes.length;
  kernels.write(pointer, bytes);
  const options = { idBytes: oidBytes(format), suspectsPointer, countMax: SUSPECT_COUNT_MAX };
  const count = kernels.checkTree(pointer, bytes.length, options);
  return count === undefined
    ? undefined
    : new Uint32Array(kernels.buffer, suspectsPointer, count).slice();
}

/** Fails unless the quick check says what the whole check says; whether it had an answer. */
function requireSame(bytes: Uint8Array, format: ObjectFormat): "plain" | "suspects" | "other" {
  const offsets = suspects(bytes, format);
  if (offsets === undefined) return "other";
  const quick = verdict((specialBlobs) =>
    checkTreeSuspects(bytes, offsets, { format, specialBlobs })
  );
  const whole = verdict((specialBlobs) => checkObject("tree", bytes, { format, specialBlobs }));
  assert.deepEqual(quick, whole, `tree ${bytes.toHex()}`);
  return offsets.length === 0 ? "plain" : "suspects";
}

/** Names that begin with each other, and those that mean something to some file system. */
const NAMES = [
  ...["a", "a.b", "a-", "a0", "ab", "a/b", "abcdefghijklmnop", "abcdefghijklmnopq", "b\\c", "é"],
  ...["abcdefghijklmnop.x", "abcdefghijklmnop0", ".", "..", "...", ".a", "g", "git~1", "maba30~1"],
  ...[".git", ".GIT ", ".gitmodules", ".gitattributes", ".gitignore", ".mailmap", "~1", "b\\.git"],
  ...["gitmod~1", ".\u200cgit", "\ufeff.git", "m", "Makefile", "x".repeat(4096), "x".repeat(4097)],
];
const MODES = ["100644", "40000", "100755", "120000", "160000", "040000", "100664", "0", "500644"];

interface Entry {
  readonly mode: string;
  readonly name: string;
  readonly id: number;
}

function treeOf(entries: readonly Entry[], format: ObjectFormat): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromHex(
    entries.map(({ mode, name, id }) => {
      const head = new TextEncoder().encode(`${mode} ${name}\0`);
      return head.toHex() + id.toString(16).padStart(2, "0").repeat(oidBytes(format));
    }).join(""),
  );
}

/** In git's order: as if a slash stood behind the names of directories. */
function sorted(entries: readonly Entry[]): Entry[] {
  const key = (entry: Entry) =>
    new TextEncoder().encode(`${entry.name}${/^0?40000$/.test(entry.mode) ? "/" : ""}`).toHex();
  return entries.toSorted((left, right) => key(left) < key(right) ? -1 : 1);
}

const anyEntry: fc.Arbitrary<Entry> = fc.record({
  mode: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...MODES.slice(0, 5)) },
    { weight: 1, arbitrary: fc.constantFrom(...MODES) },
  ),
  name: fc.oneof(
    { weight: 2, arbitrary: fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" }) },
    { weight: 3, arbitrary: fc.constantFrom(...NAMES.slice(0, 10), "Makefile", ".gitattributes") },
    { weight: 1, arbitrary: fc.constantFrom(...NAMES) },
  ),
  id: fc.oneof({ weight: 30, arbitrary: fc.integer({ min: 1, max: 255 }) }, fc.constant(0)),
});

Deno.test("checkTreeSuspects() says of random trees what checkObject() says", () => {
  const seen = { plain: 0, suspects: 0, other: 0 };
  const property = fc.property(
    fc.array(anyEntry, { maxLength: 7 }),
    fc.constantFrom<ObjectFormat>("sha1", "sha256"),
    fc.integer({ min: 0, max: 9 }),
    (entries, format, order) => {
      const tree = treeOf(order === 0 ? entries : sorted(entries), format);
      seen[requireSame(tree, format)]++;
    },
  );
  fc.assert(property, { numRuns: 4000, seed: 20261123 });
  assert.ok(seen.plain > 500 && seen.suspects > 300 && seen.other > 500, JSON.stringify(seen));
});

Deno.test("checkTreeSuspects() agrees at every pair of names and modes", () => {
  const modes = MODES.slice(0, 2);
  for (const name of NAMES) {
    for (const other of NAMES) {
      for (const mode of modes) {
        const pair = [{ mode, name, id: 1 }, { mode: "40000", name: other, id: 2 }];
        requireSame(treeOf(pair, "sha1"), "sha1");
      }
    }
  }
});

Deno.test("Kernels.checkTree() leaves a directory to the whole check that may repeat a file", () => {
  const names = ["a", "a.b", "a.c"];
  const files = names.map((name) => ({ mode: "100644", name, id: 1 }));
  const tree = treeOf([...files, { mode: "40000", name: "a", id: 1 }], "sha1");
  assert.equal(suspects(tree, "sha1"), undefined);
  assert.deepEqual(suspects(treeOf(files, "sha1"), "sha1"), new Uint32Array());
});

Deno.test("Kernels.checkTree() leaves cut and changed trees to the whole check, or agrees", () => {
  const entries = sorted(
    ["Makefile", "abc", ".gitattributes", "x"].map((name) => ({ mode: "100644", name, id: 7 })),
  );
  const whole = treeOf(entries, "sha1");
  const ends = new Set([0, whole.length]);
  const cursor = new TreeCursor(whole, "sha1");
  while (cursor.next()) ends.add(cursor.entryOffset);
  for (let length = 0; length <= whole.length; length++) {
    const known = suspects(whole.subarray(0, length), "sha1") !== undefined;
    assert.equal(known, ends.has(length), `cut to ${length} bytes`);
  }
  for (let at = 0; at < whole.length; at++) {
    for (const byte of [0, 0x20, 0x2e, 0x2f, 0x30, 0x37, 0x38, 0x5c, 0x7e, 0xff]) {
      requireSame(whole.with(at, byte), "sha1");
    }
  }
});

Deno.test("checkTreeSuspects() agrees about every odd tree", () => {
  for (const { type, text } of ODD) if (type === "tree") requireSame(latin(text), "sha1");
});

Deno.test("Kernels.checkTree() leaves a tree with too many suspects to the whole check", () => {
  const entries = Array.from({ length: SUSPECT_COUNT_MAX + 1 }, (_, index) => ({
    mode: "100644",
    name: `.git${index}`,
    id: 3,
  }));
  assert.equal(suspects(treeOf(entries.slice(1), "sha1"), "sha1")?.length, SUSPECT_COUNT_MAX);
  assert.equal(suspects(treeOf(entries, "sha1"), "sha1"), undefined);
});
