/**
 * The project's own source files, for tests that hold its rules.
 *
 * @module
 */

import { projectRoot } from "./gitstratum_server.ts";

/** A TypeScript file. */
export interface SourceFile {
  /** Path from the project's root. */
  readonly path: string;
  readonly text: string;
}

/** All files below a folder, apart from what a build makes. */
export async function* walk(directory: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(`${projectRoot}/${directory}`)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory && entry.name !== "build") yield* walk(path);
    else if (entry.isFile) yield path;
  }
}

/** The TypeScript files below a folder. */
export async function sourceFiles(directory: string): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for await (const path of walk(directory)) {
    if (path.endsWith(".ts")) {
      files.push({ path, text: await Deno.readTextFile(`${projectRoot}/${path}`) });
    }
  }
  return files;
}
