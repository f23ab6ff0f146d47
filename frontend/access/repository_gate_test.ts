import assert from "node:assert/strict";
import { type GitStratumError, HIDDEN_ANSWER_GRAIN_MS, ManualClock } from "@gitstratum/core";
import { type GrantRecord, MemoryAccessView } from "@gitstratum/core/access";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type RepositoryId,
  type RepositoryInfo,
  type RepositoryName,
} from "@gitstratum/core/rpc";
import { AccessGate } from "./access_gate.ts";
import { ANONYMOUS_ASKER, type Asker, unguardedAsker } from "./asker.ts";
import { RecordAuthenticator } from "./authenticator.ts";
import { RepositoryGate } from "./repository_gate.ts";
import { tokenRecord, userRecord } from "./testing/accounts.ts";

const ID = "a".repeat(32) as RepositoryId;
const ACME = userRecord("acme");
const READER = userRecord("reader");
const STRANGER = userRecord("stranger");
const TOKENS = new Map([ACME, READER, STRANGER].map((user) => [user.name, tokenRecord(user)]));
const GRANT: GrantRecord = {
  kind: "grant",
  user: READER.id,
  target: { on: "repository", repository: ID },
  role: "read",
  createdAtMs: 0,
};

function repository(name: string, visibility: "public" | "private"): RepositoryInfo {
  const settings = { ...DEFAULT_REPOSITORY_SETTINGS, visibility };
  return { name, repositoryId: ID, settings } as unknown as RepositoryInfo;
}

async function setUp(isOpen = false) {
  const tokens = [...TOKENS.values()].map(({ record }) => record);
  const view = new MemoryAccessView([ACME, READER, STRANGER, ...tokens, GRANT]);
  const clock = new ManualClock(1000);
  const known = [repository("acme/private", "private"), repository("acme/public", "public")];
  const metadata = {
    async findRepository(name: RepositoryName) {
      const found = known.find((each) => each.name === name);
      // What is there takes longer to find.
      await clock.sleep(found === undefined ? 1 : 7);
      return found;
    },
  };
  const gate = new AccessGate({ clock, ...(isOpen ? {} : { view }) });
  const gates = new RepositoryGate({ metadata, gate, clock });
  const authenticator = new RecordAuthenticator({ view, clock, metrics: new PrometheusMetrics() });
  const askers = new Map<string, Asker>([["", ANONYMOUS_ASKER]]);
  for (const [name, { token }] of TOKENS) {
    const request = new Request("http://host/", { headers: { authorization: `Bearer ${token}` } });
    askers.set(name, await authenticator.ofRequest(request, {}));
  }
  /** The outcome of a question, and the time until then. */
  const timed = async (work: () => Promise<unknown>): Promise<[string, number]> => {
    const startMs = clock.monotonicMs();
    let outcome: string | undefined;
    const done = work().then(
      (found) => outcome = (found as RepositoryInfo | undefined)?.name ?? "free",
      (error: GitStratumError) => outcome = `${error.code}: ${error.describe()}`,
    );
    for (let step = 0; outcome === undefined && step < 200; step++) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (outcome === undefined) await clock.advance(1);
    }
    await done;
    return [outcome!, clock.monotonicMs() - startMs];
  };
  const find = (who: string, name: string, operation: "read" | "write" = "read") =>
    timed(() => gates.find(name as RepositoryName, { asker: askers.get(who)!, operation }));
  const push = (who: string, name: string) =>
    timed(() =>
      gates.findOrFreeBy(metadata.findRepository, name as RepositoryName, {
        asker: askers.get(who)!,
      })
    );
  return { find, push, gates, timed, metadata };
}

Deno.test("RepositoryGate.find() answers for what is hidden as for what is not there", async () => {
  const { find, push } = await setUp();
  const same = (answer: [string, number], of: string): [string, number] => [
    answer[0].replaceAll(of, "NAME"),
    answer[1],
  ];
  for (const who of ["", "stranger"]) {
    for (const operation of ["read", "write"] as const) {
      const hidden = await find(who, "acme/private", operation);
      const missing = await find(who, "acme/absent", operation);
      assert.deepEqual(same(hidden, "acme/private"), same(missing, "acme/absent"));
      assert.equal(hidden[1], HIDDEN_ANSWER_GRAIN_MS);
      assert.match(hidden[0], who === "" ? /^unauthenticated/ : /^not-found/);
    }
    const hidden = await push(who, "acme/private");
    const missing = await push(who, "acme/absent");
    assert.deepEqual(same(hidden, "acme/private"), same(missing, "acme/absent"));
  }
});

Deno.test("RepositoryGate.find() lets through those who may, at once", async () => {
  const { find, push } = await setUp();
  assert.deepEqual(await find("reader", "acme/private"), ["acme/private", 7]);
  assert.deepEqual(await find("", "acme/public"), ["acme/public", 7]);
  assert.deepEqual(await find("acme", "acme/private", "write"), ["acme/private", 7]);
  assert.deepEqual(await push("acme", "acme/absent"), ["free", 1]);
});

Deno.test("RepositoryGate.find() tells readers that they may not write", async () => {
  const { find, push } = await setUp();
  assert.match((await find("reader", "acme/private", "write"))[0], /^denied: Lack the permission/);
  assert.match((await push("reader", "acme/private"))[0], /^denied/);
  assert.match((await find("", "acme/public", "write"))[0], /^unauthenticated/);
});

Deno.test("RepositoryGate.find() hides nothing on a server without accounts", async () => {
  const { gates, timed, metadata } = await setUp(true);
  const asker = unguardedAsker();
  const find = (name: string) =>
    timed(() => gates.find(name as RepositoryName, { asker, operation: "write" }));
  assert.deepEqual(await find("acme/private"), ["acme/private", 7]);
  assert.match((await find("acme/absent"))[0], /^not-found: Find no such repository/);
  assert.deepEqual(
    await timed(() =>
      gates.findOrFreeBy(metadata.findRepository, "acme/absent" as RepositoryName, { asker })
    ),
    ["free", 1],
  );
});
