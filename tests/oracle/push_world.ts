/**
 * A source of random pushes: a history, and objects that git's checks have something to say about.
 *
 * @module
 */

import { git, gitText } from "../harness/git.ts";
import { generateHistory } from "../harness/history.ts";
import { SeededRandom } from "../harness/seeded_random.ts";
import type { OracleServers } from "./fetch_world.ts";
import type { PushMaterial } from "./push_case.ts";

/** Makes the source and empty repositories on both servers. */
export async function makePushWorld(
  servers: OracleServers,
  seed: number,
): Promise<{ readonly name: string; readonly material: PushMaterial }> {
  const random = new SeededRandom(seed);
  const objectFormat = random.below(3) === 0 ? "sha256" : "sha1";
  const name = `oracle/push-${seed}`;
  const source = servers.temp.join(`push-${seed}.git`);
  await generateHistory(source, { seed, commits: 30, files: 10, objectFormat });
  await servers.create(name, objectFormat);
  await servers.hide(name, "refs/hidden");
  const commits = (await gitText(["-C", source, "rev-list", "--all"])).split("\n");
  const tags = (await gitText(["-C", source, "rev-parse", "annotated", "nested"])).split("\n");
  return { name, material: { objectFormat, source, commits, tags, odd: await oddObjects(source) } };
}

async function write(source: string, type: string, text: string | Uint8Array): Promise<string> {
  const { stdout } = await git(
    ["-C", source, "hash-object", "-t", type, "-w", "--literally", "--stdin"],
    { stdin: text },
  );
  return stdout.trim();
}

const PERSON = "A U Thor <author@example.com> 1700000000 +0000";

/** Texts of commits over a tree; each breaks one rule. */
function oddCommits(tree: string): string[] {
  const commit = (author: string, committer = PERSON, extra = "") =>
    `tree ${tree}\nauthor ${author}\ncommitter ${committer}\n${extra}\nodd\n`;
  return [
    commit("A U Thor 1700000000 +0000"),
    commit("A U Thor <author@example.com 1700000000 +0000"),
    commit("A U Thor <author@example.com> seventeen +0000"),
    commit("A U Thor <author@example.com> 01700000000 +0000"),
    commit("A U Thor <author@example.com> 99999999999999999999 +0000"),
    commit("A U Thor <author@example.com> 1700000000 0000"),
    commit("A U Thor<author@example.com> 1700000000 +0000"),
    commit("<author@example.com> 1700000000 +0000"),
    `tree ${tree}\ncommitter ${PERSON}\n\nno author\n`,
    `tree ${tree}\nauthor ${PERSON}\nauthor ${PERSON}\ncommitter ${PERSON}\n\ntwo authors\n`,
    `tree ${tree}\nauthor ${PERSON}\n\nno committer\n`,
    commit(PERSON, PERSON, "encoding ISO-8859-1\nx-odd header\n"),
    commit(PERSON, PERSON, "") + "a NUL \0 in the message\n",
  ];
}

/** Entries of trees that break a rule, over one blob. */
function oddTrees(blob: string): Uint8Array[] {
  const entry = (mode: string, name: string) =>
    new Uint8Array([...new TextEncoder().encode(`${mode} ${name}\0`), ...Uint8Array.fromHex(blob)]);
  const tree = (...entries: Uint8Array[]) => new Uint8Array(entries.flatMap((each) => [...each]));
  return [
    tree(entry("100644", "b"), entry("100644", "a")),
    tree(entry("100644", "a"), entry("100644", "a")),
    tree(entry("0100644", "a")),
    tree(entry("100666", "a")),
    tree(entry("100644", "a/b")),
    tree(entry("100644", "..")),
    tree(entry("100644", ".git")),
    tree(entry("100644", ".")),
    tree(entry("120000", ".gitmodules")),
  ];
}

async function oddObjects(source: string): Promise<PushMaterial["odd"]> {
  const blob = await write(source, "blob", "odd\n");
  const tree = await write(source, "tree", new Uint8Array());
  const odd: [string, ...string[]][] = [];
  for (const text of oddCommits(tree)) odd.push([await write(source, "commit", text), tree]);
  for (const bytes of oddTrees(blob)) {
    const oddTree = await write(source, "tree", bytes);
    const text = `tree ${oddTree}\nauthor ${PERSON}\ncommitter ${PERSON}\n\nodd tree\n`;
    odd.push([await write(source, "commit", text), oddTree, blob]);
  }
  return odd;
}
