/**
 * Compiles the AssemblyScript kernels to `build/kernels.ts`, unless what is there was made from the
 * same sources, options and compiler. Why the module is wrapped in a source file is told in
 * docs/decisions/wasm-loading.md.
 *
 * Several builds may run at once: the one output file is written beside its place and renamed, so
 * that a reader always sees a whole one, and it carries the digest that says "up to date".
 *
 * @module
 */

import asc from "assemblyscript/asc";
import { createHash, randomUUID } from "node:crypto";

const OPTIONS: readonly string[] = [
  "index.ts",
  "--outFile",
  "kernels.wasm",
  "--optimizeLevel",
  "3",
  "--converge",
  "--runtime",
  "minimal",
  "--enable",
  "simd",
  // A broken invariant of the allocator traps.
  "--use",
  "abort=",
  // 2 GiB: pointers stay positive in signed numbers.
  "--maximumMemory",
  "32768",
];

/** Where a build reads and writes. */
export interface BuildPaths {
  /** Folder of the AssemblyScript sources; `index.ts` is the entry. */
  readonly sources: URL;
  /** Folder of `kernels.ts`; made when missing. */
  readonly output: URL;
}

/** The folders of this package. */
export const DEFAULT_PATHS: BuildPaths = {
  sources: new URL("./assembly/", import.meta.url),
  output: new URL("./build/", import.meta.url),
};

/**
 * Brings the output up to date.
 *
 * @returns "built", or "fresh" when there was nothing to do.
 * @throws Error with the compiler's messages when the sources do not compile.
 */
export async function build(paths: BuildPaths = DEFAULT_PATHS): Promise<"built" | "fresh"> {
  const sources = readSources(paths.sources);
  const file = new URL("kernels.ts", paths.output);
  const digest = digestOf([asc.version, ...OPTIONS, ...[...sources].flat()]);
  if (isFresh(file, digest)) return "fresh";
  const body = render(await compile(sources));
  Deno.mkdirSync(paths.output, { recursive: true });
  writeAtomically(file, `${headLine(digest, body)}${body}`);
  return "built";
}

/** The first line of the output: what it was made from, and that it is whole. */
function headLine(digest: string, body: string): string {
  return `// ${digest} ${digestOf([body])}\n`;
}

function isFresh(file: URL, digest: string): boolean {
  try {
    const text = Deno.readTextFileSync(file);
    const bodyStart = text.indexOf("\n") + 1;
    return text.slice(0, bodyStart) === headLine(digest, text.slice(bodyStart));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function render(module: Uint8Array): string {
  return `/**
 * The compiled kernels. Made by build.ts.
 *
 * @module
 */

/** A WebAssembly module in base64. */
export const KERNELS_BASE64: string =
  "${module.toBase64()}";
`;
}

function readSources(folder: URL): ReadonlyMap<string, string> {
  const names = [...Deno.readDirSync(folder)]
    .filter((entry) => entry.isFile && entry.name.endsWith(".ts"))
    .map((entry) => entry.name)
    .sort();
  return new Map(names.map((name) => [name, Deno.readTextFileSync(new URL(name, folder))]));
}

function digestOf(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

async function compile(sources: ReadonlyMap<string, string>): Promise<Uint8Array> {
  let module: Uint8Array | undefined;
  const { error, stderr } = await asc.main([...OPTIONS], {
    readFile: (name: string) => sources.get(name) ?? null,
    writeFile: (_name: string, content: string | Uint8Array) => {
      if (typeof content !== "string") module = content;
    },
    listFiles: () => [],
  });
  if (error !== null || module === undefined) {
    throw new Error(`Compile the kernels\n${stderr.toString()}`, { cause: error });
  }
  return module;
}

function writeAtomically(file: URL, text: string): void {
  const beside = new URL(`${file.href}.${randomUUID()}`);
  Deno.writeTextFileSync(beside, text);
  Deno.renameSync(beside, file);
}

// Tasks that print results for programs depend on this one: their standard output is theirs.
if (import.meta.main) console.error(`wasm kernels: ${await build()}`);
