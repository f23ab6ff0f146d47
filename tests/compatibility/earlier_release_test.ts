/**
 * The release before, as it wrote itself down (`deno task shapes`), against this one: whatever it wrote
 * is read, and whatever is written at its level, it reads.
 */

import assert from "node:assert/strict";
import { ACCESS_CALLS } from "@gitstratum/core/rpc/access";
import { readReleaseText, type ReleaseShapes, releaseShapes } from "./release_shapes.ts";
import { type Misfit, misfits } from "./shape_comparison.ts";
import { SHAPES } from "./shapes/mod.ts";

const file = new URL("testdata/earlier_release.jsonl", import.meta.url);
const earlier: ReleaseShapes = readReleaseText(await Deno.readTextFile(file));
const present = releaseShapes(SHAPES);

/** Shapes that the release before did not have; each needs a level, or is tried and done without. */
const YOUNGER: ReadonlySet<string> = new Set([
  // Who asks for one and is told that there is none sends none.
  "control basis",
  "purge repository",
  "stored level",
  // An operator asks for these, and is told by a node of the release before that it does not know.
  "repair status",
  "repair switch",
  // Refused while the cluster is of the earlier level, and nobody has one to be listed or removed.
  ...["addOpenPgpKey", "removeOpenPgpKey", "listOpenPgpKeys"].flatMap((name) => [
    `access ${name}`,
    `access ${name} answer`,
  ]),
]);

const CONDITIONS =
  "they travel in frames of a version that a node of level 1 answers as unsupported";

/**
 * What this release may write and the one before would refuse, with what keeps it from doing so while
 * the cluster is of the earlier level.
 */
const HELD_BACK: Readonly<Record<string, string>> = {
  "update repository / ifVersion: not known":
    "a node of level 1 refuses the change, which is what a condition is for",
  "push / judged: not known": CONDITIONS,
  "push / uncompared: not known": CONDITIONS,
  "access record / kind=openpgp-key: no such alternative":
    "control nodes take no OpenPGP key before all nodes know what that is",
  "log entry / record.kind=request-noted: no such alternative":
    "callers draw no ids of requests before all nodes know them, so there is none to note",
  ...requestIdsOf([
    "update repository / ",
    "delete repository / ",
    "rename repository / ",
    "restore repository / ",
    "log entry / record.kind=repository-renamed.",
    "log entry / record.kind=repository-removed.",
    "log entry / record.kind=repository-restored.",
    "log entry / record.kind=head-changed.",
    "log entry / record.kind=settings-changed.",
  ]),
  ...basesOf([
    "draining",
    "create webhook",
    "change webhook",
    "webhook request",
    ...Object.keys(ACCESS_CALLS).map((name) => `access ${name}`).filter((name) =>
      !YOUNGER.has(name)
    ),
  ]),
};

function basesOf(names: readonly string[]): Record<string, string> {
  const reason = "control nodes tell no basis before all nodes know them";
  return Object.fromEntries(names.map((name) => [`${name} / basis: not known`, reason]));
}

function requestIdsOf(places: readonly string[]): Record<string, string> {
  const reason = "callers draw no ids of requests before all nodes know them, so logs have none";
  return Object.fromEntries(places.map((place) => [`${place}requestId: not known`, reason]));
}

const asText = (name: string) => ({ at, what }: Misfit) => `${name} / ${at}: ${what}`;

Deno.test("messages of the release before are read, and mean the same", () => {
  let count = 0;
  for (const { name, schema } of SHAPES) {
    for (const message of earlier[name]?.messages ?? []) {
      const parsed = schema.safeParse(message);
      assert.ok(parsed.success, `${name}: ${JSON.stringify(message).slice(0, 2000)}`);
      count++;
    }
  }
  assert.ok(count >= Object.keys(earlier).length);
});

Deno.test("shapes of the release before are still there, and new ones are known to be new", () => {
  const gone = Object.keys(earlier).filter((name) => present[name] === undefined);
  assert.deepEqual(gone, [], "the release before writes them");
  const younger = Object.keys(present).filter((name) => earlier[name] === undefined);
  assert.deepEqual(new Set(younger), YOUNGER, "docs/compatibility.md says what new shapes need");
});

Deno.test("readers of this release take all that the release before may write", () => {
  const found = Object.entries(earlier).flatMap(([name, { reads }]) =>
    misfits(present[name]!.reads, reads).map(asText(name))
  );
  assert.deepEqual(found, []);
});

Deno.test("readers of the release before take all that is written at its level", () => {
  const found = Object.entries(earlier).flatMap(([name, { reads }]) =>
    misfits(reads, present[name]!.reads).map(asText(name))
  );
  assert.deepEqual(found.filter((one) => HELD_BACK[one] === undefined), []);
  const stale = Object.keys(HELD_BACK).filter((one) => !found.includes(one));
  assert.deepEqual(stale, [], "nothing has to be held back there any more");
});
