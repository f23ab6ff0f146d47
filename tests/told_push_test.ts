/**
 * A push goes by what it was told of its repository when it asked for references. Here something happens
 * between the two requests, elsewhere, so that the frontend that takes the push hears nothing of it.
 */

import assert from "node:assert/strict";
import { systemRandom, TOLD_REPOSITORY_MS_MAX } from "@gitstratum/core";
import {
  type AccessChange,
  type AccountName,
  type GrantRecord,
  MemoryAccessView,
  recordKey,
} from "@gitstratum/core/access";
import { MemoryDisk } from "@gitstratum/core/disk";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import {
  type Metadata,
  parseRepositoryName,
  type RepositoryInfo,
  type RepositorySettingsChange,
} from "@gitstratum/core/rpc";
import { createFrontend, type Frontend, type FrontendAccounts } from "@gitstratum/frontend";
import { PackIngest } from "@gitstratum/frontend/ingest";
import { RecordAuthenticator } from "../frontend/access/authenticator.ts";
import { tokenRecord, userRecord } from "../frontend/access/testing/accounts.ts";
import { SILENT, TestNode } from "../metadata/testing/test_node.ts";
import { pack, pushBody, smallCommit } from "./harness/raw_pack.ts";

const ANN = userRecord("ann");
const TOKEN = tokenRecord(ANN);
const MAIN = "refs/heads/main";
const NAME = "ann/thing";
const NOWHERE = "/nonexistent";
/** Who writes by a grant, and not because the repository is theirs. */
const BOB = userRecord("bob");
const BOBS = tokenRecord(BOB);

/** Frontends over one metadata node, and what they ask it. */
class Stage implements AsyncDisposable {
  readonly node: TestNode;
  readonly view: MemoryAccessView;
  readonly asked: string[] = [];
  #version = 1;

  private constructor(node: TestNode, view: MemoryAccessView) {
    this.node = node;
    this.view = view;
  }

  static async start(): Promise<Stage> {
    const view = new MemoryAccessView([ANN, TOKEN.record, BOB, BOBS.record]);
    return new Stage(await TestNode.start(), view);
  }

  apply(change: AccessChange): void {
    this.view.apply([change], ++this.#version);
  }

  frontend(): Frontend {
    const { clock, extents } = this.node;
    const metadata = this.#heard();
    const ingest = new PackIngest({
      metadata,
      extents,
      random: systemRandom,
      disk: new MemoryDisk(),
      scratchDirectory: NOWHERE,
    });
    const authenticator = new RecordAuthenticator({
      view: this.view,
      clock,
      metrics: new PrometheusMetrics(),
    });
    return createFrontend({
      metadata,
      extents,
      accounts: { view: this.view, authenticator, client: {} } as unknown as FrontendAccounts,
      ingest: (request) => ingest.ingest(request),
      clock,
      random: systemRandom,
      secrets: ["secret"],
      logger: SILENT,
      scratchDirectory: NOWHERE,
      readOnly: false,
      autoCreate: false,
    });
  }

  #heard(): Metadata {
    const { asked, node } = this;
    return new Proxy(node.metadata, {
      get(metadata, member) {
        const value = Reflect.get(metadata, member);
        if (typeof value !== "function") return value;
        return (...values: unknown[]) => {
          asked.push(String(member));
          return value.apply(metadata, values);
        };
      },
    });
  }

  async references(key: RepositoryInfo): Promise<string[]> {
    return (await this.node.references(key)).map(({ name }) => name);
  }

  /** Pushes a new commit to a new reference; what is reported, or the status. */
  async push(
    frontend: Frontend,
    options: { readonly token?: string; readonly text?: string; readonly ref?: string } = {},
  ): Promise<string> {
    const { token = TOKEN.token, text = "one", ref = MAIN } = options;
    const { oid, entries } = smallCommit(text);
    const request = new Request(`http://host/${NAME}.git/git-receive-pack`, {
      method: "POST",
      headers: { ...headers(token), "content-type": "application/x-git-receive-pack-request" },
      body: pushBody({ ref, to: oid }, pack(entries)),
    });
    const answer = frontend.fetch(request).then(async (response) =>
      response.ok ? await response.text() : `${response.status}`
    );
    return await this.#during(answer);
  }

  /** Lets time pass for refusals that tell nothing, not even by their time. */
  async #during<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = work.finally(() => isOver = true);
    over.catch(() => undefined);
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve));
      if (this.node.clock.sleeping > 0) await this.node.clock.advance(100);
    }
    return await over;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.node[Symbol.asyncDispose]();
  }
}

function headers(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

async function advertise(frontend: Frontend, token = TOKEN.token): Promise<string> {
  const url = `http://host/${NAME}.git/info/refs?service=git-receive-pack`;
  const response = await frontend.fetch(new Request(url, { headers: headers(token) }));
  assert.equal(response.status, 200);
  return await response.text();
}

Deno.test("a push looks nothing up that it was just told, nor asks what the network has", async () => {
  await using stage = await Stage.start();
  const created = await stage.node.create(NAME);
  const frontend = stage.frontend();
  await advertise(frontend);
  stage.asked.length = 0;
  assert.match(await stage.push(frontend), /ok refs\/heads\/main/);
  assert.deepEqual(stage.asked, ["push"]);
  assert.deepEqual(await stage.references(created), [MAIN]);
});

for (
  const [when, prepare] of [
    ["a while ago", async (stage: Stage, frontend: Frontend) => {
      await advertise(frontend);
      await stage.node.clock.advance(TOLD_REPOSITORY_MS_MAX);
    }],
    ["by another frontend", async (stage: Stage) => void await advertise(stage.frontend())],
  ] as const
) {
  Deno.test(`a push looks up what it was told ${when}`, async () => {
    await using stage = await Stage.start();
    await stage.node.create(NAME);
    const frontend = stage.frontend();
    await prepare(stage, frontend);
    stage.asked.length = 0;
    assert.match(await stage.push(frontend), /ok refs\/heads\/main/);
    assert.deepEqual(stage.asked, ["findRepository", "push"]);
  });
}

Deno.test("a push that brings what the network has compares it, and goes on", async () => {
  await using stage = await Stage.start();
  const created = await stage.node.create(NAME);
  const frontend = stage.frontend();
  await advertise(frontend);
  assert.match(await stage.push(frontend), /ok refs\/heads\/main/);
  stage.asked.length = 0;
  assert.match(await stage.push(frontend, { ref: "refs/heads/two" }), /ok refs\/heads\/two/);
  assert.deepEqual(stage.asked, ["push", "locate", "push"]);
  assert.deepEqual(await stage.references(created), [MAIN, "refs/heads/two"]);
});

/** What happens between the two requests. */
interface Happening {
  readonly what: string;
  readonly happens: (stage: Stage, told: RepositoryInfo) => Promise<unknown> | void;
  /** What is reported. */
  readonly reported: RegExp;
  /** Whether the push is committed after all. */
  readonly isCommitted?: true;
}

function settingsChange(settings: RepositorySettingsChange): Happening["happens"] {
  return ({ node }, told) => node.metadata.updateRepository(told, { settings });
}

function renamed(to: string): Happening["happens"] {
  return ({ node }, told) =>
    node.metadata.renameRepository(told, { from: told.name, name: parseRepositoryName(to) });
}

const HAPPENINGS: readonly Happening[] = [
  { what: "nothing", happens: () => {}, reported: /ok refs/, isCommitted: true },
  { what: "another name", happens: renamed("ann/else"), reported: /ok refs/, isCommitted: true },
  {
    what: "another owner",
    happens: renamed("cat/thing"),
    reported: /ng .*Find no such repository/,
  },
  {
    what: "another repository under the name",
    async happens(stage, told) {
      await renamed("ann/else")(stage, told);
      await stage.node.create(NAME);
    },
    reported: /ng .*Push again/,
  },
  {
    what: "deletion",
    happens: ({ node }, told) => node.metadata.deleteRepository(told),
    reported: /ng .*Find no such repository/,
  },
  {
    what: "deletion and restoration",
    async happens({ node }, told) {
      await node.metadata.deleteRepository(told);
      await node.metadata.restoreRepository(told, { name: told.name });
    },
    reported: /ok refs/,
    isCommitted: true,
  },
  {
    what: "deletion and another repository under the name",
    async happens({ node }, told) {
      await node.metadata.deleteRepository(told);
      await node.create(NAME);
    },
    reported: /ng .*Push again/,
  },
  { what: "an archive", happens: settingsChange({ archived: true }), reported: /ng .*archived/ },
  {
    what: "another visibility",
    happens: settingsChange({ visibility: "public" }),
    reported: /ok refs/,
    isCommitted: true,
  },
  {
    what: "a hidden reference",
    happens: settingsChange({ hiddenReferences: ["refs/heads/"] }),
    reported: /ng .*hidden ref/,
  },
  {
    what: "a rule for the reference",
    happens: settingsChange({
      protectedReferences: [{
        pattern: MAIN,
        denyDelete: false,
        denyForce: false,
        linearHistory: false,
        signed: false,
        pushers: { users: ["cat" as AccountName], deployKeys: [] },
      }],
    }),
    reported: /ng .*protected/,
  },
  {
    what: "a smaller quota",
    happens: settingsChange({ repositoryBytesMax: 10 }),
    reported: /ng .*Push again/,
  },
  {
    what: "smaller objects",
    happens: settingsChange({ objectBytesMax: 1 }),
    reported: /ng .*Push again/,
  },
  {
    what: "stricter checks",
    happens: settingsChange({ fsck: { missingSpaceBeforeEmail: "ignore" } }),
    reported: /ng .*Push again/,
  },
  {
    what: "no token any more",
    happens: (stage) => stage.apply({ kind: "remove", key: recordKey(TOKEN.record) }),
    reported: /401/,
  },
  {
    what: "a user who is disabled",
    happens: (stage) => stage.apply({ kind: "put", record: { ...ANN, disabled: true } }),
    reported: /401|403/,
  },
];

for (const { what, happens, reported, isCommitted } of HAPPENINGS) {
  Deno.test(`a push that was told of its repository meets ${what} as ever`, async () => {
    await using stage = await Stage.start();
    const told = await stage.node.create(NAME);
    const frontend = stage.frontend();
    await advertise(frontend);
    await happens(stage, told);
    assert.match(await stage.push(frontend), reported);
    const living = await stage.node.metadata.findRepository(parseRepositoryName(NAME));
    const references = living === undefined ? [] : await stage.references(living);
    assert.deepEqual(references, isCommitted === true ? [MAIN] : []);
    // The next one goes by what is there now.
    assert.doesNotMatch(await stage.push(frontend, { text: "two" }), /Push again/);
  });
}

Deno.test("a push that was told of its repository is refused to whom it may not any more", async () => {
  await using stage = await Stage.start();
  const told = await stage.node.create(NAME);
  const grant: GrantRecord = {
    kind: "grant",
    user: BOB.id,
    target: { on: "repository", repository: told.repositoryId },
    role: "write",
    createdAtMs: 0,
  };
  stage.apply({ kind: "put", record: grant });
  const frontend = stage.frontend();
  await advertise(frontend, BOBS.token);
  stage.apply({ kind: "put", record: { ...grant, role: "read" } });
  assert.match(await stage.push(frontend, { token: BOBS.token }), /^403/);
  stage.apply({ kind: "remove", key: recordKey(grant) });
  assert.match(await stage.push(frontend, { token: BOBS.token }), /^404/);
  assert.deepEqual(await stage.references(told), []);
});
