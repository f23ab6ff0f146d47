/**
 * The raw root tree of a repository's head, to build commits on.
 *
 * @module
 */

import { gitEnvironment } from "../../tests/harness/git.ts";
import { headCommit, type Source } from "../sources/source.ts";

/** Reads it; text would not do, because trees hold raw ids. */
export async function rootTree(source: Source): Promise<Uint8Array> {
  const { code, stdout } = await new Deno.Command("git", {
    args: ["-C", source.path, "cat-file", "tree", `${headCommit(source)}^{tree}`],
    env: gitEnvironment(),
    clearEnv: true,
  }).output();
  if (code !== 0) throw new Error("The head has no tree");
  return stdout;
}
