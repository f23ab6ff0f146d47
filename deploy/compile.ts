/**
 * Makes standalone programs (`deno task compile`): one for each role, and the all-in-one server.
 *
 * Each program is bundled first and compiled then. Compiling the module graph itself overflows the
 * stack of Deno 2.9 for packages that this project needs (denoland/deno#36746), and a bundle shows
 * without any base binary whether everything is in it: `--bundle-only` stops there, and Deno runs the
 * result, by a launcher of the program's name. The kernels are in the bundles; workers are files of
 * their own beside them.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** A program to make. */
export interface StandaloneProgram {
  /** Name of the file. */
  readonly name: string;
  /** Its command line, from the project's root. */
  readonly entry: string;
}

const SERVER_ENTRY = "frontend/main.ts";

/** Everything that is made. The frontend of a cluster and the all-in-one server share their code. */
export const PROGRAMS: readonly StandaloneProgram[] = [
  { name: "gitstratum", entry: SERVER_ENTRY },
  { name: "gitstratum-frontend", entry: SERVER_ENTRY },
  { name: "gitstratum-control", entry: "control/main.ts" },
  { name: "gitstratum-metadata", entry: "metadata/main.ts" },
  { name: "gitstratum-object", entry: "object/main.ts" },
  { name: "gitstratum-operate", entry: "control/operator/main.ts" },
  { name: "gitstratum-compare-nodes", entry: "object/compare/main.ts" },
  { name: "gitstratum-admin", entry: "frontend/admin/main.ts" },
];

/** Code that runs in workers; each program that may start one finds it beside itself by this name. */
export const WORKERS: Readonly<Record<string, readonly string[]>> = {
  [SERVER_ENTRY]: ["frontend/ingest/ingest_worker.ts", "frontend/ingest/share_worker.ts"],
};

/** Where to make programs. */
export interface CompileOptions {
  /** Directory of the results; made when it is missing. */
  readonly output: string;
  /** Base binary; absent = Deno downloads the one of its own version. */
  readonly denort?: string;
  /** Stops before the compilation: the directory holds bundles, and launchers that have Deno run them. */
  readonly bundleOnly?: boolean;
}

/** The project's root directory. */
const ROOT = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** Why a program could not be made, for people. */
export class CompileError extends Error {}

/**
 * Makes one program; answers the path of the result.
 *
 * @throws {@link CompileError} with what to do about it
 */
export async function compileProgram(
  program: StandaloneProgram,
  options: CompileOptions,
): Promise<string> {
  if (options.denort !== undefined) await checkBase(options.denort);
  const bundles = `${options.output}/${program.name}.bundle`;
  await Deno.mkdir(bundles, { recursive: true });
  const main = `${bundles}/main.js`;
  await bundle(program.entry, main);
  const workers = WORKERS[program.entry] ?? [];
  for (const worker of workers) await bundle(worker, `${bundles}/${baseName(worker)}`);
  if (options.bundleOnly) return await writeLauncher(program.name, options.output);
  const result = `${options.output}/${program.name}`;
  await deno([
    "compile",
    "--allow-all",
    "--no-check",
    "--no-config",
    "--unstable-no-legacy-abort",
    ...workers.flatMap((worker) => ["--include", `${bundles}/${baseName(worker)}`]),
    "--output",
    result,
    main,
  ], options.denort);
  await Deno.remove(bundles, { recursive: true });
  return result;
}

async function checkBase(path: string): Promise<void> {
  const found = await Deno.stat(path).then((info) => info.isFile, () => false);
  if (!found) throw new CompileError(`DENORT_BIN names no file: ${path}`);
}

/** CommonJS packages ask where they are, and a bundle is a module. */
const COMMON_JS_GLOBALS =
  "const __dirname = import.meta.dirname, __filename = import.meta.filename;\n";

async function bundle(entry: string, output: string): Promise<void> {
  // Native parts of packages are optional, and no part of what we ship.
  await deno(["bundle", "--quiet", "--external", "*.node", "--output", output, entry]);
  await Deno.writeTextFile(output, COMMON_JS_GLOBALS + await Deno.readTextFile(output));
}

/** What a bundle needs of Deno, which a compiled program has in itself. */
const RUN = "deno run --allow-all --no-config --no-lock --unstable-no-legacy-abort";

/** A program that runs its bundle wherever both were copied to, also through a symbolic link. */
async function writeLauncher(name: string, output: string): Promise<string> {
  const launcher = `${output}/${name}`;
  const directory = '"$(dirname "$(readlink -f "$0")")';
  const text = `#!/bin/sh\nexec ${RUN} ${directory}/${name}.bundle/main.js" "$@"\n`;
  await Deno.writeTextFile(launcher, text);
  await Deno.chmod(launcher, 0o755);
  return launcher;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

async function deno(args: readonly string[], denort?: string): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...(denort === undefined ? {} : { DENORT_BIN: denort }) },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (success) return;
  const decoder = new TextDecoder();
  throw new CompileError(explain(decoder.decode(stdout) + decoder.decode(stderr)));
}

/** What Deno said, with what to do about it where that is known. */
export function explain(output: string): string {
  const isBaseMissing = /denort|dl\.deno\.land/i.test(output);
  if (!isBaseMissing) return output;
  const { deno: version } = Deno.version;
  return [
    output.trim(),
    "",
    `Deno could not download its base binary (denort ${version}) from dl.deno.land.`,
    "Download denort of this very version on a machine that can, and name it:",
    "  DENORT_BIN=/path/to/denort deno task compile",
  ].join("\n");
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: { "output": { type: "string" }, "bundle-only": { type: "boolean" } },
  });
  const wanted = PROGRAMS.filter(({ name }) =>
    positionals.length === 0 || positionals.includes(name)
  );
  const unknown = positionals.filter((name) => !PROGRAMS.some((program) => program.name === name));
  if (unknown.length > 0) {
    console.error(`Unknown programs: ${unknown.join(", ")}`);
    console.error(`There are: ${PROGRAMS.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const denort = Deno.env.get("DENORT_BIN");
  const options = {
    output: values.output ?? `${ROOT}/dist`,
    bundleOnly: values["bundle-only"] ?? false,
    ...(denort === undefined || denort === "" ? {} : { denort }),
  };
  for (const program of wanted) console.log(await compileProgram(program, options));
  return 0;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}
