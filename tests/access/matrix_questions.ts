/**
 * Asks everything as everybody, and compares with the matrix.
 *
 * @module
 */

import assert from "node:assert/strict";
import { API } from "../../frontend/api/api.ts";
import { SSH_SERVICES } from "../../frontend/ssh/ssh_command.ts";
import { ssh } from "../harness/ssh_client.ts";
import { type AccessStage, VISIBILITIES, type Visibility } from "./access_stage.ts";
import {
  ADMINISTRATORS,
  API_CASES,
  API_NAMES,
  CREATORS,
  LETTERS,
  MATRIX,
  OWNER_READERS,
  OWNERS,
  type RouteKind,
  SSH_MATRIX,
  WRITERS_KEEPERS,
} from "./permission_matrix.ts";

/** Asks over HTTP, the API and SSH; throws with every answer that is not the matrix's. */
export async function askEverything(test: Deno.TestContext, stage: AccessStage): Promise<void> {
  await test.step("git over HTTP", () => overHttp(stage));
  await test.step("the API, in repositories", () => overApiInRepositories(stage));
  await test.step("the API, elsewhere", () => overApiElsewhere(stage));
  await test.step("listings leave out what is hidden", () => listings(stage));
  await test.step("git over SSH", () => overSsh(stage));
  await test.step("the API, to deleted repositories", () => overDeleted(stage));
}

/** What somebody is told. */
type Verdict = "allowed" | "authenticate" | "forbidden" | "hidden";

/** Questions that are asked at a time. */
const CONCURRENCY = 16;

/** What somebody should be told who asks for something in a repository. */
function expectedIn(who: string, visibility: Visibility, operation: string): Verdict {
  const row = [...MATRIX, ...SSH_MATRIX].find((each) => each.who === who)!;
  const allowed = LETTERS[row.letters[visibility]];
  if (operation === "fork") {
    if (who === "anonymous") return "authenticate";
    if (!allowed.includes("read")) return "hidden";
    if (CREATORS.includes(who)) return "allowed";
    return OWNER_READERS.includes(who) ? "forbidden" : "hidden";
  }
  if (allowed.includes(operation)) return "allowed";
  if (who === "anonymous") return "authenticate";
  return allowed.includes("read") ? "forbidden" : "hidden";
}

/** What somebody should be told who asks for something else; hidden and forbidden are both a no. */
function expectedOf(who: string, kind: RouteKind): Verdict | "denied" {
  const groups: Partial<Record<RouteKind, readonly string[]>> = {
    create: CREATORS,
    members: OWNERS,
    account: WRITERS_KEEPERS,
    server: ADMINISTRATORS,
  };
  const group = groups[kind];
  if (group === undefined || group.includes(who)) return "allowed";
  return who === "anonymous" ? "authenticate" : "denied";
}

/** What an HTTP answer tells; `missing` texts are those for what is not there. */
function verdictOf(status: number, text: string): Verdict {
  if (status === 401) return "authenticate";
  if (status === 403 && /Lack the permission/.test(text)) return "forbidden";
  return status === 404 && /Find no such (repository|owner|user|thing)/.test(text)
    ? "hidden"
    : "allowed";
}

/** A question over HTTP, and what it asks. */
interface HttpCase {
  readonly name: string;
  readonly asks: string;
  readonly path: string;
  readonly init?: RequestInit;
}

const BUNDLE = `bundles/${"1".repeat(40)}.bundle`;

function httpCases(visibility: Visibility): HttpCase[] {
  const base = `/acme/${visibility}.git`;
  const post = (service: string, body: string): HttpCase => ({
    name: service,
    asks: service === "git-receive-pack" ? "write" : "read",
    path: `${base}/${service}`,
    init: {
      method: "POST",
      headers: {
        "content-type": `application/x-${service}-request`,
        ...(service === "git-upload-pack" ? { "git-protocol": "version=2" } : {}),
      },
      body,
    },
  });
  return [
    { name: "fetch refs", asks: "read", path: `${base}/info/refs?service=git-upload-pack` },
    { name: "push refs", asks: "write", path: `${base}/info/refs?service=git-receive-pack` },
    {
      name: "fetch refs by HEAD",
      asks: "read",
      path: `${base}/info/refs?service=git-upload-pack`,
      init: { method: "HEAD" },
    },
    post("git-upload-pack", "0014command=ls-refs\n0000"),
    post("git-receive-pack", "0000"),
    { name: "bundle", asks: "read", path: `${base}/${BUNDLE}` },
    { name: "archive", asks: "read", path: `/acme/${visibility}/archive/main.tar.gz` },
  ];
}

/** Works on all of a list, some at a time. */
async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
    for (const item of queue) await work(item);
  }));
}

async function overHttp(stage: AccessStage): Promise<void> {
  const found: string[] = [];
  const questions = MATRIX.flatMap(({ who }) =>
    VISIBILITIES.flatMap((visibility) =>
      httpCases(visibility).map((question) => ({ who, visibility, question }))
    )
  );
  await each(questions, async ({ who, visibility, question }) => {
    const response = await stage.fetch(who, question.path, question.init);
    const text = await response.text();
    const expected = expectedIn(who, visibility, question.asks);
    const isHead = question.init?.method === "HEAD";
    const verdict = isHead ? headVerdict(response.status) : verdictOf(response.status, text);
    if (verdict !== expected) {
      found.push(`${who}, ${question.name}, ${visibility}: ${verdict}, expected ${expected}`);
    }
    if (verdict === "authenticate") {
      assert.equal(response.headers.get("www-authenticate"), 'Basic realm="GitStratum"');
    }
  });
  assert.deepEqual(found, []);
}

function headVerdict(status: number): Verdict {
  if (status === 200) return "allowed";
  if (status === 401) return "authenticate";
  return status === 403 ? "forbidden" : "hidden";
}

function pathOf(path: string, names: Readonly<Record<string, string>>): string {
  return path.replaceAll(/\{([a-zA-Z]+)\}/g, (_, name) => names[name]!);
}

async function bodyOf(stage: AccessStage, id: string): Promise<unknown> {
  const { body } = API_CASES[id]!;
  if ((body as { readonly key?: string } | undefined)?.key !== "KEY") return body;
  return { ...body as object, key: await Deno.readTextFile(`${stage.keys.get("reader")}.pub`) };
}

async function overApiInRepositories(stage: AccessStage): Promise<void> {
  const found: string[] = [];
  const questions = Object.entries(API).flatMap(([id, operation]) =>
    MATRIX.flatMap(({ who }) =>
      VISIBILITIES.map((visibility) => ({ id, operation, who, visibility }))
    )
  ).filter(({ operation }) => operation.path.startsWith("/repos/{owner}/{name}"));
  await each(questions, async ({ id, operation, who, visibility }) => {
    const { asks, spoils } = API_CASES[id]!;
    const expected = expectedIn(who, visibility, asks);
    if (expected === "allowed" && spoils === true) return;
    const path = pathOf(operation.path, { ...API_NAMES, name: visibility });
    const { status, body } = await stage.api(who, operation.method, path, await bodyOf(stage, id));
    const verdict = verdictOf(status, body?.error?.message ?? "");
    if (verdict !== expected) {
      found.push(`${who}, ${id}, ${visibility}: ${verdict} (${status}), expected ${expected}`);
    }
  });
  assert.deepEqual(found, []);
}

async function overApiElsewhere(stage: AccessStage): Promise<void> {
  const found: string[] = [];
  const questions = Object.entries(API)
    .filter(([id, { path }]) =>
      !path.startsWith("/repos/{owner}/{name}") && API_CASES[id]!.asks !== "deleted"
    )
    .flatMap(([id, operation]) => MATRIX.map(({ who }) => ({ id, operation, who })));
  await each(questions, async ({ id, operation, who }) => {
    const { asks, spoils } = API_CASES[id]!;
    const expected = expectedOf(who, asks);
    if (expected === "allowed" && spoils === true) return;
    const path = pathOf(operation.path, API_NAMES);
    const { status, body } = await stage.api(who, operation.method, path, await bodyOf(stage, id));
    const told = verdictOf(status, body?.error?.message ?? "");
    // An id that names nothing is allowed to be looked for.
    const verdict = expected === "denied" && (told === "hidden" || told === "forbidden")
      ? "denied"
      : told;
    if (verdict !== expected) {
      found.push(`${who}, ${id}: ${verdict} (${status}), expected ${expected}`);
    }
  });
  assert.deepEqual(found, []);
}

async function overDeleted(stage: AccessStage): Promise<void> {
  await stage.addRepository("private-gone");
  await stage.change("DELETE", "/repos/acme/private-gone");
  const cases = Object.entries(API).filter(([id]) => API_CASES[id]!.asks === "deleted");
  for (const { who, letters } of MATRIX) {
    if (letters.private === "a") continue;
    for (const [id, { method, path }] of cases) {
      const at = pathOf(path, { ...API_NAMES, name: "private-gone" });
      const { status } = await stage.api(who, method, at, API_CASES[id]!.body);
      assert.ok([401, 403, 404].includes(status), `${who}, ${id}: ${status}`);
    }
    const { body } = await stage.api(who, "GET", "/deleted-repos");
    assert.deepEqual(body.repositories, [], `${who} sees what is deleted`);
  }
  const restore = await stage.api("acme", "POST", "/deleted-repos/acme/private-gone/restore", {});
  assert.equal(restore.status, 200);
}

async function listings(stage: AccessStage): Promise<void> {
  for (const { who, letters } of MATRIX) {
    const { body } = await stage.api(who, "GET", "/repos?owner=acme&limit=1000");
    const names = body.repositories.map(({ name }: { name: string }) => name);
    for (const visibility of VISIBILITIES) {
      const isShown = names.includes(`acme/${visibility}`);
      assert.equal(isShown, letters[visibility] !== "-", `${who}, ${visibility}`);
    }
  }
}

async function overSsh(stage: AccessStage): Promise<void> {
  const found: string[] = [];
  const questions = SSH_MATRIX.flatMap(({ who }) =>
    VISIBILITIES.flatMap((visibility) =>
      SSH_SERVICES.map((service) => ({ who, visibility, service }))
    )
  );
  await each(questions, async ({ who, visibility, service }) => {
    const target = { origin: stage.target.sshOrigin, key: stage.keys.get(who)! };
    const { stderr } = await ssh(target, [service, `'acme/${visibility}'`]);
    const expected = expectedIn(who, visibility, service === "git-receive-pack" ? "write" : "read");
    let verdict: Verdict = "allowed";
    if (/Lack the permission/.test(stderr)) verdict = "forbidden";
    else if (/Find no such repository/.test(stderr)) verdict = "hidden";
    else if (/Permission denied|Authenticate/.test(stderr)) verdict = "authenticate";
    if (verdict !== expected) {
      found.push(`${who}, ${service}, ${visibility}: ${verdict}, expected ${expected}: ${stderr}`);
    }
  });
  assert.deepEqual(found, []);
}
