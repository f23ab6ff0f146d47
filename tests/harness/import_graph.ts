/**
 * Which source file needs which other.
 *
 * @module
 */

import { projectRoot } from "./gitstratum_server.ts";
import type { SourceFile } from "./source_files.ts";

/** Needed files by file; paths from the project's root. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Module specifiers of a file's static and dynamic imports and re-exports. */
export function importsOf(text: string): string[] {
  return matches(text, /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)"([^"]+)"/g);
}

/** Files that are started as workers or processes of their own. */
function startsOf(text: string): string[] {
  return matches(text, /\bnew URL\(\s*"([^"]+\.ts)"/g);
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1]!);
}

/** The files that stand behind the names of packages, by name. */
export async function exportedFiles(packages: readonly string[]): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const name of packages) {
    const manifest = await Deno.readTextFile(`${projectRoot}/${name}/deno.json`);
    const { exports } = JSON.parse(manifest) as { exports: Record<string, string> };
    for (const [key, target] of Object.entries(exports)) {
      files.set(`@gitstratum/${name}${key.slice(1)}`, resolved(target, `${name}/deno.json`));
    }
  }
  return files;
}

/** The graph of imports, without files that others start. */
export function importGraph(
  sources: readonly SourceFile[],
  exported: ReadonlyMap<string, string>,
): ImportGraph {
  return graphOf(sources, exported, importsOf);
}

/** The graph of imports and of files that others start. */
export function needGraph(
  sources: readonly SourceFile[],
  exported: ReadonlyMap<string, string>,
): ImportGraph {
  return graphOf(sources, exported, (text) => [...importsOf(text), ...startsOf(text)]);
}

function graphOf(
  sources: readonly SourceFile[],
  exported: ReadonlyMap<string, string>,
  needs: (text: string) => readonly string[],
): ImportGraph {
  return new Map(sources.map(({ path, text }) => {
    const files = needs(text).map((specifier) => {
      return specifier.startsWith(".") ? resolved(specifier, path) : exported.get(specifier);
    });
    return [path, files.filter((file) => file !== undefined)];
  }));
}

function resolved(specifier: string, from: string): string {
  const path = new URL(specifier, `file:///${from}`).pathname.slice(1);
  // AssemblyScript leaves the ending out.
  return /\.[a-z]+$/.test(path) ? path : `${path}.ts`;
}

/** Everything that the roots need, and they themselves. */
export function reachedFiles(graph: ImportGraph, roots: readonly string[]): ReadonlySet<string> {
  const reached = new Set(roots);
  for (const file of reached) for (const next of graph.get(file) ?? []) reached.add(next);
  return reached;
}

/** One circle for each file at which a walk in depth comes back to where it already stands. */
export function circles(graph: ImportGraph): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) found.push([...path.slice(start), file].join(" -> "));
    if (start >= 0 || done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return found;
}
