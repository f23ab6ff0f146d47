import assert from "node:assert/strict";
import fc from "fast-check";
import { API } from "../api/api.ts";
import { commandHelp } from "./command_help.ts";
import { readArguments, readCommandLine } from "./command_line.ts";
import { ADMIN_PROGRAM, ALL_COMMANDS } from "./run_admin.ts";

function read(...args: string[]) {
  return readCommandLine(ALL_COMMANDS, { args, environment: {} });
}

function problems(...args: string[]): readonly string[] {
  const request = read(...args);
  return request.kind === "invalid" ? request.problems : [];
}

Deno.test("ALL_COMMANDS do everything that the API does", () => {
  const used = new Set(ALL_COMMANDS.flatMap(({ operations }) => operations));
  assert.deepEqual(Object.keys(API).filter((id) => !used.has(id as keyof typeof API)), []);
});

Deno.test("ALL_COMMANDS can be told apart, and so can their flags", () => {
  const words = ALL_COMMANDS.map((command) => command.words);
  assert.equal(new Set(words).size, words.length);
  for (const one of words) {
    assert.ok(!words.some((other) => other.startsWith(`${one} `)), one);
  }
  const kinds = new Map<string, boolean>();
  for (const { flags, arguments: args, words } of ALL_COMMANDS) {
    for (const { flag, placeholder } of Object.values(flags)) {
      const isSwitch = placeholder === undefined;
      assert.equal(kinds.get(flag) ?? isSwitch, isSwitch, `--${flag} of ${words}`);
      kinds.set(flag, isSwitch);
    }
    const repeats = Object.values(args).map((argument) => argument.repeats === true);
    assert.ok(!repeats.slice(0, -1).includes(true), `${words} repeats its last argument only`);
  }
});

Deno.test("readCommandLine() reads words, flags and settings in any order", () => {
  const request = read(
    ...["--json", "repository", "--visibility", "private", "create", "--server=http://h:1"],
    ...["a/b", "--no-deny-deletes", "c/d"],
  );
  assert.ok(request.kind === "run", JSON.stringify(request));
  assert.equal(request.command.words, "repository create");
  assert.deepEqual(request.flags, { visibility: "private", denyDeletes: false });
  assert.equal(request.settings.server, "http://h:1");
  assert.equal(request.settings.json, true);
  assert.deepEqual(readArguments(request.command, request.words), [
    { target: "a/b", values: { repository: { owner: "a", name: "b" } } },
    { target: "c/d", values: { repository: { owner: "c", name: "d" } } },
  ]);
});

Deno.test("readCommandLine() tells all that is wrong, and what may have been meant", () => {
  const near = /^There is no command ".*"; did you mean repository list( or repository set)?\?$/;
  assert.match(problems("repostory", "list")[0]!, near);
  assert.match(problems("repository", "lsit")[0]!, near);
  assert.deepEqual(problems("uesr"), ['There is no command "uesr"; did you mean user?']);
  assert.deepEqual(
    problems("repository", "create", "a/b", "--visibilty", "x"),
    [
      'repository create has no option "--visibilty"; did you mean --visibility?',
      'Unexpected argument "x"',
    ].slice(0, 1),
  );
  assert.deepEqual(problems("repository", "create", "a/b", "--visibility", "secret"), [
    '--visibility must be public, internal, private; not "secret"',
  ]);
  assert.deepEqual(problems("repository", "create"), [
    "OWNER/NAME is missing: The repository; several are done one after the other.",
  ]);
  assert.deepEqual(problems("user", "show", "a", "b"), ['Unexpected argument "b"']);
  assert.deepEqual(problems("user", "set", "a", "--disabled=yes"), ["--disabled takes no value"]);
  assert.deepEqual(problems("user", "list", "--limit"), ["--limit needs a value"]);
  assert.deepEqual(problems("user", "list", "--limit", "0"), [
    "--limit must be a whole number of at least 1",
  ]);
  assert.deepEqual(problems("user", "list", "--from", "-"), [
    "user list has no argument for --from",
  ]);
  assert.deepEqual(problems("owner", "grant", "team", "a", "--role", "read", "--role", "write"), [
    "--role stands there more than once",
  ]);
  assert.deepEqual(problems("token", "create", "a")[0]?.slice(0, 18), "--scope is needed:");
  assert.deepEqual(problems("user", "list", "--server", "nonsense").length, 1);
});

Deno.test("commandHelp() tells of each command, of groups and of all", () => {
  assert.deepEqual(read(), { kind: "help", words: "" });
  assert.deepEqual(read("repository"), { kind: "help", words: "repository" });
  assert.deepEqual(read("repository", "create", "--help"), {
    kind: "help",
    words: "repository create",
  });
  const all = commandHelp(ALL_COMMANDS, "", ADMIN_PROGRAM);
  for (const { words, summary, flags, arguments: args } of ALL_COMMANDS) {
    assert.ok(all.includes(summary), words);
    const own = commandHelp(ALL_COMMANDS, words, ADMIN_PROGRAM);
    for (const { flag } of Object.values(flags)) assert.ok(own.includes(flag), `${words} ${flag}`);
    for (const { help } of Object.values(args)) assert.ok(own.includes(help), words);
  }
  assert.match(all, /Exit codes:\n\n {2}0 /);
  assert.match(all, /GITSTRATUM_TOKEN/);
  const group = commandHelp(ALL_COMMANDS, "user", ADMIN_PROGRAM);
  assert.ok(group.includes("user add USER…") && !group.includes("repository create"));
});

Deno.test("readCommandLine() answers whatever is typed", () => {
  const known = ALL_COMMANDS.flatMap(({ words, flags }) => [
    ...words.split(" "),
    ...Object.values(flags).flatMap(({ flag }) => [`--${flag}`, `--no-${flag}`, `--${flag}=x`]),
  ]);
  const word = fc.oneof(
    fc.constantFrom(...known, "a/b", "--", "-", "--=", "--__proto__"),
    fc.string(),
  );
  // Anything at all, and a command with anything behind it: else hardly any of them would run.
  const command = fc.constantFrom(...ALL_COMMANDS.map(({ words }) => words.split(" ")));
  const line = fc.oneof(
    fc.array(word, { maxLength: 8 }),
    fc.tuple(command, fc.array(word, { maxLength: 3 })).map(([words, args]) => [...words, ...args]),
  );
  const kinds = new Set<string>();
  fc.assert(
    fc.property(line, (args) => {
      const request = read(...args);
      kinds.add(request.kind);
      if (request.kind === "invalid") assert.ok(request.problems.length > 0);
      if (request.kind === "help") commandHelp(ALL_COMMANDS, request.words, ADMIN_PROGRAM);
    }),
    { numRuns: 2000 },
  );
  assert.deepEqual([...kinds].sort(), ["help", "invalid", "run"]);
});
