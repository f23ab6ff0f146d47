/**
 * Random histories for tests: branches, merges (criss-cross ones too), renames, reverts, copies,
 * subtrees, tags of tags, tags of trees and blobs.
 *
 * @module
 */

import type { GitRepository } from "./git_repository.ts";

/** A reproducible source of numbers `0 .. below - 1`. */
export type Dice = (below: number) => number;

/** Dice with a seed (mulberry32). */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Writes a history of `count` commits into the repository; references b0, b1, … and tags. */
export async function writeHistory(
  repository: GitRepository,
  roll: Dice,
  count: number,
): Promise<void> {
  const script: string[] = [];
  const branches: number[] = [];
  for (let number = 1; number <= count; number++) {
    const isRoot = branches.length === 0 || roll(25) === 0;
    const branch = isRoot ? branches.length : roll(branches.length);
    const name = `refs/heads/b${branch}`;
    const message = `commit ${number}\n`;
    script.push(isRoot ? `reset ${name}\n` : "", `commit ${name}\nmark :${number}\n`);
    script.push(`committer C <c@example.org> ${1_600_000_000 + number * 60} +0000\n`);
    script.push(`data ${message.length}\n${message}\n`);
    if (!isRoot) script.push(`from :${branches[branch]}\n`);
    const other = isRoot ? undefined : branches[roll(branches.length)];
    if (other !== undefined && other !== branches[branch] && roll(3) === 0) {
      script.push(`merge :${other}\n`);
    }
    changes(script, roll, isRoot);
    branches[branch] = number;
    if (!isRoot && roll(6) === 0) {
      // A branch that starts at any earlier commit.
      const from = 1 + roll(number);
      script.push(`reset refs/heads/b${branches.length}\nfrom :${from}\n\n`);
      branches.push(from);
    }
  }
  await repository.run(["fast-import", "--quiet", "--force"], script.join(""));
  await tags(repository, branches.length);
}

function changes(script: string[], roll: Dice, isRoot: boolean): void {
  const path = () => ["d", "e", "f/g", "f/h/i", ""][roll(5)]!;
  const file = () => [path(), `file${roll(6)}`].filter((part) => part !== "").join("/");
  for (let change = 1 + roll(4); change > 0; change--) {
    const kind = roll(10);
    if (!isRoot && kind === 0) script.push(`D ${file()}\n`);
    else {
      const size = roll(12) === 0 ? 400 : 20;
      // Few different lines, so that the same contents come again elsewhere and later.
      const lines = Array.from({ length: size }, (_, line) => `line ${line} ${roll(3) * roll(2)}`);
      const text = lines.join("\n") + "\n";
      const mode = roll(9) === 0 ? "100755" : "100644";
      script.push(`M ${mode} inline ${file()}\ndata ${text.length}\n${text}\n`);
    }
  }
  script.push("\n");
}

async function tags(repository: GitRepository, branchCount: number): Promise<void> {
  const tag = (name: string, target: string) =>
    repository.run(["tag", "-a", "-m", name, name, target]);
  await tag("plain", "refs/heads/b0~1");
  await tag("nested", "plain");
  await tag("deep", "nested");
  await tag("of-tree", "refs/heads/b0^{tree}");
  const [line] = await repository.lines(["ls-tree", "-r", "refs/heads/b0"]);
  await tag("of-blob", line!.split(/\s/)[2]!);
  await tag("last", `refs/heads/b${branchCount - 1}`);
}
