import assert from "node:assert/strict";
import {
  choiceOption,
  CONFIG_FILE_OPTION,
  countOption,
  helpText,
  optionalTextOption,
  readConfig,
  sizeOption,
  switchOption,
  textOption,
  urlsOption,
} from "./config.ts";

const TABLE = {
  place: textOption({
    flag: "place",
    environment: "T_PLACE",
    placeholder: "DIRECTORY",
    defaultText: "./here",
    help: "Where.",
  }),
  quiet: switchOption({ flag: "quiet", environment: "T_QUIET", help: "Says less." }),
  size: choiceOption({
    flag: "size",
    environment: "T_SIZE",
    words: ["small", "large"],
    defaultText: "small",
    help: "How large.",
  }),
} as const;

function read(args: string[], environment: Record<string, string> = {}, file?: string) {
  return readConfig(TABLE, { args, environment, ...(file === undefined ? {} : { file }) });
}

Deno.test("readConfig() prefers flags to environment to file to defaults", () => {
  const file = '{"place":"file","size":"large","quiet":true}';
  assert.deepEqual(read(["--place", "flag"], { T_PLACE: "env", T_QUIET: "no" }, file), {
    kind: "values",
    values: { place: "flag", quiet: false, size: "large" },
  });
  assert.deepEqual(read([]), { kind: "values", values: { place: "./here", size: "small" } });
});

Deno.test("readConfig() reads switches on, off and from words", () => {
  const quiet = (args: string[], environment = {}) => {
    const result = read(args, environment);
    return result.kind === "values" ? result.values.quiet : result;
  };
  assert.equal(quiet(["--quiet"]), true);
  assert.equal(quiet(["--no-quiet"]), false);
  assert.equal(quiet(["--quiet=false"]), false);
  assert.equal(quiet([], { T_QUIET: "ON" }), true);
  assert.equal(quiet([], { T_QUIET: "" }), undefined);
});

Deno.test("readConfig() reports all problems of all sources together", () => {
  const result = read(
    ["--size=huge", "--unknown", "stray", "--place"],
    { T_QUIET: "maybe" },
    '{"odd":1}',
  );
  assert.deepEqual(result, {
    kind: "invalid",
    problems: [
      'Unknown option "--unknown"',
      'Unexpected argument "stray"',
      "--place needs a value",
      'Unknown option "odd" in the configuration file',
      'T_QUIET must be true or false, not "maybe"',
      '--size must be small or large, not "huge"',
    ],
  });
});

Deno.test("readConfig() refuses a file that is no JSON object", () => {
  for (const file of ["", "[]", "null", "{"]) {
    assert.deepEqual(read([], {}, file), {
      kind: "invalid",
      problems: ["The configuration file must hold a JSON object"],
    });
  }
});

Deno.test("readConfig() answers a wish for help before any problem", () => {
  assert.deepEqual(read(["--size=huge", "--help"]), { kind: "help" });
});

Deno.test("helpText() lists each flag with its variable and default", () => {
  assert.equal(
    helpText("thing [options]", TABLE),
    [
      "Usage: thing [options]",
      "",
      "  --place DIRECTORY   Where.",
      "                      [T_PLACE, default ./here]",
      "  --[no-]quiet        Says less.",
      "                      [T_QUIET]",
      "  --size small|large  How large.",
      "                      [T_SIZE, default small]",
      "  --help              Prints this text.",
      "",
    ].join("\n"),
  );
});

Deno.test("sizeOption() and countOption() read numbers, and say what they want", () => {
  const names = { flag: "n", environment: "T_N", help: "How much.", defaultText: "1" };
  const size = sizeOption(names);
  assert.deepEqual(["0", "7", "3KiB", "2MiB", "4GiB"].map((text) => size.parse(text)), [
    0,
    7,
    3072,
    2097152,
    4294967296,
  ]);
  for (const text of ["", "-1", "1.5GiB", "4GB", "4 GiB", "9999999999TiB", "KiB"]) {
    assert.throws(() => size.parse(text), /must be a size/);
  }
  const count = countOption({ ...names, placeholder: "COUNT", min: 2 });
  assert.equal(count.parse("2"), 2);
  for (const text of ["", "1", "-3", "2.0", "x", "1e3"]) {
    assert.throws(() => count.parse(text), /must be a whole number of at least 2/);
  }
});

const FILE_TABLE = {
  config: CONFIG_FILE_OPTION,
  name: optionalTextOption({
    flag: "name",
    environment: "T_NAME",
    placeholder: "NAME",
    isRequired: true,
    help: "Who.",
  }),
  peers: urlsOption({ flag: "peers", environment: "T_PEERS", help: "With whom." }),
} as const;

Deno.test("readConfig() reads the file that a flag or a variable names", () => {
  const readTextFile = (path: string) => {
    if (path === "missing") throw new Error("no such file");
    return `{"name":"from ${path}"}`;
  };
  const read = (args: string[], environment = {}) =>
    readConfig(FILE_TABLE, { args, environment, readTextFile });
  assert.deepEqual(read(["--config", "a"], { GITSTRATUM_CONFIG: "b" }), {
    kind: "values",
    values: { config: "a", name: "from a" },
  });
  assert.deepEqual(read([], { GITSTRATUM_CONFIG: "b" }), {
    kind: "values",
    values: { config: "b", name: "from b" },
  });
  assert.deepEqual(read(["--config", "missing"]), {
    kind: "invalid",
    problems: [
      "--config names a file that cannot be read: no such file",
      "--name is needed, or T_NAME",
    ],
  });
});

Deno.test("readConfig() reports what settings have wrong together beside what each has", () => {
  const sources = { args: ["--peers", "ftp://a", "--name", "x"], environment: {} };
  const result = readConfig(FILE_TABLE, sources, ({ name, peers }) => [`${name} ${peers}`]);
  assert.deepEqual(result, {
    kind: "invalid",
    problems: [
      '--peers must hold URLs such as http://10.0.0.1:7000, not "ftp://a"',
      "x undefined",
    ],
  });
});

Deno.test("urlsOption() reads base URLs, and refuses whatever is more", () => {
  const { parse } = FILE_TABLE.peers;
  assert.deepEqual(parse("http://a:1, https://[::1]:2/ ,http://c/sub/"), [
    "http://a:1",
    "https://[::1]:2",
    "http://c/sub",
  ]);
  for (const text of ["", "a:1", "http://a,,", "http://u:p@a", "http://a?x", "http://a#x"]) {
    assert.throws(() => parse(text), /must hold URLs/);
  }
});
