/**
 * Repositories that are served, with what a client would push prepared in files.
 *
 * @module
 */

import { gitEnvironment, gitText } from "../../tests/harness/git.ts";
import { NO_OBJECT, pktLine } from "../../tests/harness/raw_pack.ts";

/** A bare repository and its push. */
export interface Source {
  /** For rows. */
  readonly label: string;
  /** The bare repository; only read. */
  readonly path: string;
  /** The branch that HEAD names, e.g. `main`. */
  readonly defaultBranch: string;
  /** Object ids by reference name, without HEAD. */
  readonly references: ReadonlyMap<string, string>;
  /** Everything that references reach, as a client packs it. */
  readonly packFile: string;
  readonly packBytes: number;
  readonly objectCount: number;
  /** Body of the receive-pack request that creates all references. */
  readonly pushFile: string;
}

/** The commit that HEAD names. */
export function headCommit(source: Source): string {
  const commit = source.references.get(`refs/heads/${source.defaultBranch}`);
  if (commit === undefined) throw new Error(`${source.label} has no branch at its HEAD`);
  return commit;
}

async function readReferences(path: string): Promise<Map<string, string>> {
  const text = await gitText(["-C", path, "for-each-ref", "--format=%(objectname) %(refname)"]);
  const lines = text.split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => [line.slice(line.indexOf(" ") + 1), line.split(" ")[0]!]));
}

/** Packs everything as `git push` would. */
async function packEverything(path: string, file: string): Promise<void> {
  const { code, stderr } = await new Deno.Command("sh", {
    args: [
      "-c",
      'exec git -C "$1" pack-objects -q --revs --all --stdout --delta-base-offset </dev/null >"$2"',
      "sh",
      path,
      file,
    ],
    env: gitEnvironment(),
    clearEnv: true,
  }).output();
  if (code !== 0) throw new Error(`Packing failed: ${new TextDecoder().decode(stderr)}`);
}

/** Commands that create references, and the flush behind them. */
export function createCommands(references: ReadonlyMap<string, string>): Uint8Array {
  const capabilities = "\0 report-status side-band-64k object-format=sha1 agent=bench/1";
  const lines = [...references].map(([name, oid], index) =>
    pktLine(`${NO_OBJECT} ${oid} ${name}${index === 0 ? capabilities : ""}`)
  );
  return new TextEncoder().encode(lines.join("") + "0000");
}

/** Writes commands and pack into one file. */
async function writePush(
  file: string,
  parts: { readonly commands: Uint8Array; readonly packFile: string },
): Promise<void> {
  await Deno.writeFile(file, parts.commands);
  const pack = await Deno.open(parts.packFile);
  const push = await Deno.open(file, { append: true });
  await pack.readable.pipeTo(push.writable);
}

async function objectCountOf(packFile: string): Promise<number> {
  using file = await Deno.open(packFile);
  const header = new Uint8Array(12);
  await file.read(header);
  return new DataView(header.buffer).getUint32(8);
}

/** Prepares a bare repository; files go into `directory`. */
export async function prepareSource(
  path: string,
  options: { readonly label: string; readonly directory: string },
): Promise<Source> {
  const packFile = `${options.directory}/${options.label}.pack`;
  const pushFile = `${options.directory}/${options.label}.push`;
  const references = await readReferences(path);
  await packEverything(path, packFile);
  await writePush(pushFile, { commands: createCommands(references), packFile });
  return {
    label: options.label,
    path,
    defaultBranch: (await gitText(["-C", path, "symbolic-ref", "--short", "HEAD"])).trim(),
    references,
    packFile,
    packBytes: (await Deno.stat(packFile)).size,
    objectCount: await objectCountOf(packFile),
    pushFile,
  };
}
