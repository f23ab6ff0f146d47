/** That docs/protocol.md, the cases and the issue's list of capabilities do not drift apart. */

import assert from "node:assert/strict";
import { projectRoot } from "../harness/gitstratum_server.ts";
import { CAPABILITY_CASES } from "./capability_cases.ts";

interface Row {
  readonly capability: string;
  readonly state: string;
}

/** Rows of the tables whose first column is headed "capability". */
function capabilityRows(text: string): Row[] {
  const rows: Row[] = [];
  let columns: readonly string[] = [];
  for (const line of text.split("\n")) {
    if (!line.startsWith("|")) columns = [];
    else if (columns.length === 0) columns = cells(line);
    else if (columns[0] === "capability" && !/^\|[ :|-]+\|$/.test(line)) {
      const row = cells(line);
      rows.push({ capability: row[0]!, state: row[columns.indexOf("state")]! });
    }
  }
  return rows;
}

function cells(line: string): string[] {
  return line.split("|").slice(1, -1).map((cell) => cell.trim());
}

/** Titles of the tests and cases in a file; what is filled in stands as `…`. */
function titlesIn(text: string): Set<string> {
  const titles = new Set<string>();
  const declared = [
    // Deno.test("…"), step("…")
    /\b(?:Deno\.test|step)\(\s*(?:\{\s*name:\s*)?("(?:[^"\\]|\\.)*"|`[^`]*`)/g,
    // "…": async (context) and [`…`]: async (context)
    /^\s*\[?("(?:[^"\\]|\\.)*"|`[^`]*`)\]?:\s*async\b/gm,
    // name: "…" in a list of cases
    /\bname:\s*("(?:[^"\\]|\\.)*")/g,
  ];
  for (const pattern of declared) {
    for (const [, quoted] of text.matchAll(pattern)) titles.add(titleOf(quoted!));
  }
  return titles;
}

function titleOf(quoted: string): string {
  if (quoted.startsWith('"')) return JSON.parse(quoted);
  return quoted.slice(1, -1).replaceAll(/\$\{[^}]*\}/g, "…");
}

const document = await Deno.readTextFile(`${projectRoot}/docs/protocol.md`);
const rows = capabilityRows(document);

Deno.test("docs/protocol.md and the list of cases name the same capabilities", () => {
  assert.deepEqual(
    rows.map(({ capability }) => capability).sort(),
    Object.keys(CAPABILITY_CASES).sort(),
  );
});

Deno.test("every capability that is served has a positive and a negative case", () => {
  const lacking = rows.filter(({ capability, state }) => {
    const cases = CAPABILITY_CASES[capability];
    if (/^not\b/.test(state)) return false;
    return cases === undefined || cases.works.length === 0 || cases.refused.length === 0;
  });
  assert.deepEqual(lacking, []);
});

Deno.test("every case in the list exists", async () => {
  const known = new Map<string, Set<string>>();
  const missing: string[] = [];
  for (const { works, refused } of Object.values(CAPABILITY_CASES)) {
    for (const each of [...works, ...refused]) {
      const [file, title] = [each.slice(0, each.indexOf(": ")), each.slice(each.indexOf(": ") + 2)];
      const path = file.includes("/") ? file : `tests/conformance/${file}`;
      const text = () => Deno.readTextFile(`${projectRoot}/${path}`);
      const titles = known.get(path) ?? titlesIn(await text());
      known.set(path, titles);
      if (!titles.has(title)) missing.push(each);
    }
  }
  assert.deepEqual(missing, []);
});

Deno.test("the document names everything that a client may ask for", () => {
  const wanted = [
    ...["deepen", "deepen-since", "deepen-not", "deepen-relative", "unshallow", "shallow clone"],
    ...["blob:none", "blob:limit", "tree:N", "object:type", "sparse:oid", "combine", "lazy"],
    ...["ref-in-want", "sideband-all", "wait-for-done", "object-info", "session-id"],
    ...["server-option", "bundle-uri", "packfile-uris", "hidden references", "include-tag"],
    ...["thin", "push-options", "push-cert", "atomic", "denyNonFastForwards", "denyDeletes"],
    ...["denyDeleteCurrent", "largest object", "message ids", "collision", "progress", "sha256"],
    ...["gzip", "chunked", "100-continue", "haves", "HEAD", "Accept-Language", "dumb protocol"],
    ...["cache headers", "401", "403", "keep-alive", "back-pressure", "host keys", "git archive"],
  ];
  const named = rows.map(({ capability }) => capability).join("\n");
  assert.deepEqual(wanted.filter((name) => !named.includes(name)), []);
});

Deno.test("titlesIn() finds cases however they are written, and nothing else", () => {
  const text = [
    'Deno.test("one \\"quoted\\"", () => {});',
    "for (const x of y) Deno.test(`two ${x} of ${y}`, f);",
    'const cases = {\n  "three": async () => {},\n  [`four ${v}`]: async () => {},\n};',
    'await test.step("five", f);\nconst bad = [{ name: "six" }];\nassert.ok(true, "seven");',
  ].join("\n");
  const wanted = ['one "quoted"', "two … of …", "three", "four …", "five", "six"];
  assert.deepEqual([...titlesIn(text)].sort(), wanted.sort());
});
