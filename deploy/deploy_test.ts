/**
 * The files for service managers say what the real command lines understand.
 */

import assert from "node:assert/strict";
import { type ConfigSources, readServerConfig } from "@gitstratum/core";
import { readControlConfig } from "../control/control_config.ts";
import { readMetadataConfig } from "../metadata/metadata_config.ts";
import { readObjectConfig } from "../object/object_config.ts";
import { PROGRAMS, WORKERS } from "./compile.ts";

const DIRECTORY = new URL(".", import.meta.url).pathname;

const READERS = {
  control: readControlConfig,
  metadata: readMetadataConfig,
  object: readObjectConfig,
  frontend: readServerConfig,
} as const;

type Role = keyof typeof READERS;

const ROLES = Object.keys(READERS) as Role[];

/** A readable secret in the place of every file that settings name. */
const readTextFile = () => "s".repeat(40);

function problemsOf(role: Role, sources: Omit<ConfigSources, "readTextFile">): readonly string[] {
  const result = READERS[role]({ ...sources, readTextFile });
  return result.kind === "invalid" ? result.problems : [];
}

function variablesOf(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf("=");
    assert.ok(at > 0, line);
    return [line.slice(0, at), line.slice(at + 1)];
  }));
}

async function environmentOf(role: Role): Promise<Record<string, string>> {
  const read = (name: string) => Deno.readTextFile(`${DIRECTORY}systemd/${name}.env`);
  return { ...variablesOf(await read("common")), ...variablesOf(await read(role)) };
}

/** Variables that some role understands: a misspelt one would be ignored. */
function knownVariables(help: string): Set<string> {
  return new Set(help.match(/GITSTRATUM_[A-Z_]+/g));
}

for (const role of ROLES) {
  Deno.test(`the unit of the ${role} and its example settings fit its command line`, async () => {
    const unit = await Deno.readTextFile(`${DIRECTORY}systemd/gitstratum-${role}.service`);
    const command = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(" ") ?? [];
    assert.equal(command[0], `/usr/local/bin/gitstratum-${role}`);
    assert.match(unit, new RegExp(`^EnvironmentFile=/etc/gitstratum/${role}.env$`, "m"));
    const environment = await environmentOf(role);
    assert.deepEqual(problemsOf(role, { args: command.slice(1), environment }), []);
  });
}

Deno.test("example settings name no variable that nobody reads", async () => {
  const main = (role: Role) => new URL(`../${role}/main.ts`, import.meta.url).pathname;
  for (const role of ROLES) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", main(role), "--help"],
    }).output();
    const known = knownVariables(new TextDecoder().decode(stdout));
    const own = variablesOf(await Deno.readTextFile(`${DIRECTORY}systemd/${role}.env`));
    assert.deepEqual(Object.keys(own).filter((name) => !known.has(name)), [], role);
  }
});

Deno.test("the containers' commands fit the command lines", async () => {
  const text = await Deno.readTextFile(`${DIRECTORY}compose.yaml`);
  const commands = [...text.matchAll(/command:\s*\[([^\]]*)\]/g)]
    .map(([, list]) => [...list!.matchAll(/"([^"]*)"/g)].map(([, word]) => word!))
    .filter(([entry]) => entry!.endsWith("/main.ts"));
  const counts = new Map<string, number>();
  for (const [entry, ...args] of commands) {
    const role = entry!.split("/")[0] as Role;
    assert.ok(role in READERS, entry);
    counts.set(role, (counts.get(role) ?? 0) + 1);
    assert.deepEqual(problemsOf(role, { args, environment: {} }), [], args.join(" "));
  }
  assert.deepEqual(Object.fromEntries(counts), { control: 3, metadata: 3, object: 3, frontend: 2 });
});

Deno.test("problemsOf() finds a flag that there is not", () => {
  assert.deepEqual(problemsOf("control", { args: ["--lisen=a:1"], environment: {} }), [
    'Unknown option "--lisen"',
    "--id is needed, or GITSTRATUM_ID",
    "--secret-file is needed, or GITSTRATUM_SECRET_FILE",
    "Either --etcd or --data is needed, and not both",
  ]);
});

Deno.test("the units differ in their role only", async () => {
  const units = await Promise.all(ROLES.map(async (role) => {
    const unit = await Deno.readTextFile(`${DIRECTORY}systemd/gitstratum-${role}.service`);
    return unit.slice(unit.indexOf("[Service]")).replaceAll(role, "ROLE");
  }));
  assert.equal(new Set(units).size, 1);
});

Deno.test("the image holds every program and worker, and names no file that there is not", async () => {
  const text = await Deno.readTextFile(`${DIRECTORY}Dockerfile`);
  const named: readonly string[] = text.match(/[a-z_/]+\.ts\b/g) ?? [];
  for (const path of named) assert.ok((await Deno.stat(`${DIRECTORY}../${path}`)).isFile, path);
  const wanted = [...PROGRAMS.map(({ entry }) => entry), ...Object.values(WORKERS).flat()];
  assert.deepEqual(wanted.filter((path) => !named.includes(path)), []);
});

Deno.test("no image holds the cluster's secret", async () => {
  const [file] = /(?<=file: \.\/)\w+/.exec(await Deno.readTextFile(`${DIRECTORY}compose.yaml`))!;
  const ignored = (await Deno.readTextFile(`${DIRECTORY}../.dockerignore`)).split("\n");
  assert.ok(ignored.includes(`deploy/${file}`), file);
});
