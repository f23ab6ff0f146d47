/**
 * Documentation lint over every entry point of the workspace (`deno task lint:doc`).
 *
 * `deno doc --lint` looks at one entry point at a time, so a type that belongs to another package's
 * entry point counts as private there. Those reports are left out; everything else fails.
 *
 * @module
 */

const ENTRY_POINTS = /"\.[^"]*":\s*"(\.\/[^"]+)"/g;
const PACKAGES = ["wasm", "core", "control", "metadata", "object", "frontend"];
// Matches the report's heading once colours are stripped.
const REPORT = /^error\[([a-z-]+)\]: (.*)\n\s*--> (.*)$/gm;

async function entryPoints(): Promise<string[]> {
  const found: string[] = [];
  for (const name of PACKAGES) {
    const config = await Deno.readTextFile(`${name}/deno.json`);
    for (const [, path] of config.matchAll(ENTRY_POINTS)) {
      found.push(`${name}/${path!.slice(2)}`);
    }
  }
  return found;
}

const output = await new Deno.Command(Deno.execPath(), {
  args: ["doc", "--lint", ...await entryPoints()],
  env: { NO_COLOR: "1" },
  stdout: "null",
  stderr: "piped",
}).output();
const text = new TextDecoder().decode(output.stderr);
const reports = [...text.matchAll(REPORT)];
const real = reports.filter(([, code]) => code !== "private-type-ref");
for (const [, code, message, place] of real) console.error(`${place}: ${code}: ${message}`);
// An exit without any report we can read (a syntax error, a missing file) is a failure too.
if (real.length > 0 || (output.code !== 0 && reports.length === 0)) {
  if (real.length === 0) console.error(text);
  Deno.exit(1);
}
console.log(
  `doc lint: ${reports.length - real.length} reports across packages left out, none else`,
);
