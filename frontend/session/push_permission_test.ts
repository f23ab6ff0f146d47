import assert from "node:assert/strict";
import { ManualClock, systemRandom } from "@gitstratum/core";
import { type GrantRecord, MemoryAccessView, recordKey } from "@gitstratum/core/access";
import { type Oid, zeroOid } from "@gitstratum/core/git";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import { PktLineBuffer } from "@gitstratum/core/protocol";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type Metadata,
  type PackGroup,
  type PushRequest,
  type RepositoryId,
  type RepositoryInfo,
} from "@gitstratum/core/rpc";
import { AccessGate } from "../access/access_gate.ts";
import { RecordAuthenticator } from "../access/authenticator.ts";
import { CommitSignatures } from "../access/commit_signatures.ts";
import { tokenRecord, userRecord } from "../access/testing/accounts.ts";
import { ReceivePackSession } from "./receive_pack_session.ts";
import { RepositoryAccess } from "./repository_access.ts";

const ID = "a".repeat(32) as RepositoryId;
const ANN = userRecord("ann");
const TOKEN = tokenRecord(ANN);
const GRANT: GrantRecord = {
  kind: "grant",
  user: ANN.id,
  target: { on: "repository", repository: ID },
  role: "write",
  createdAtMs: 0,
};
const REPOSITORY = {
  name: "acme/thing",
  repositoryId: ID,
  objectFormat: "sha1",
  head: "refs/heads/main",
  settings: DEFAULT_REPOSITORY_SETTINGS,
} as unknown as RepositoryInfo;

/** A push of Ann's, during whose pack something happens; what is reported and what is committed. */
async function pushDuring(happens: (view: MemoryAccessView) => void) {
  const view = new MemoryAccessView([ANN, TOKEN.record, GRANT]);
  const clock = new ManualClock(1000);
  const pushes: PushRequest[] = [];
  const metadata = {
    push(_: unknown, request: PushRequest) {
      pushes.push(request);
      return Promise.resolve({ results: request.commands.map(({ name }) => ({ name })) });
    },
  } as unknown as Metadata;
  const gate = new AccessGate({ view, clock });
  const authenticator = new RecordAuthenticator({ view, clock, metrics: new PrometheusMetrics() });
  const headers = { authorization: `Bearer ${TOKEN.token}` };
  const asker = await authenticator.ofRequest(new Request("http://host/", { headers }), {});
  const session = new ReceivePackSession(
    {
      access: new RepositoryAccess({ metadata, gate, clock, autoCreate: false, readOnly: false }),
      signatures: new CommitSignatures({ gate, rebuilder: {} as never, clock }),
      metadata,
      async ingest({ pack }) {
        await new Response(pack as BodyInit).text();
        happens(view);
        return { group: { groupId: "g" } as unknown as PackGroup, warnings: [] };
      },
      clock,
      random: systemRandom,
      agent: "gitstratum/test",
      features: { pushOptions: true },
    },
    { kind: "existing", repository: REPOSITORY },
    {
      transport: "http",
      asker,
      signal: new AbortController().signal,
      version: 0,
      stateless: true,
    },
  );
  const line = `${zeroOid("sha1")} ${"b".repeat(40) as Oid} refs/heads/main\0 report-status`;
  const head = new PktLineBuffer().text(line).flush().take();
  const body = ReadableStream.from([head, new TextEncoder().encode("PACK")]);
  const report = await new Response(ReadableStream.from(session.respond(body))).text();
  return { report, pushes };
}

Deno.test("ReceivePackSession.respond() commits for whom it may, and says for whom", async () => {
  const { report, pushes } = await pushDuring(() => {});
  assert.match(report, /ok refs\/heads\/main/);
  assert.deepEqual(pushes.map(({ pusher }) => pusher), [{ role: "write", user: "ann" }]);
  const { user, userId, credential } = pushes[0]!.provenance;
  assert.deepEqual([user, userId, credential], ["ann", ANN.id, {
    kind: "token",
    id: TOKEN.record.id,
  }]);
});

Deno.test("ReceivePackSession.respond() commits nothing for whom it may not any more", async () => {
  const cases: [string, (view: MemoryAccessView) => void, RegExp][] = [
    [
      "the role is gone",
      (view) => view.apply([{ kind: "remove", key: recordKey(GRANT) }], 2),
      /ng refs\/heads\/main Find no such repository/,
    ],
    [
      "the role is smaller",
      (view) => view.apply([{ kind: "put", record: { ...GRANT, role: "read" } }], 2),
      /ng refs\/heads\/main Lack the permission/,
    ],
    [
      "the token is gone",
      (view) => view.apply([{ kind: "remove", key: recordKey(TOKEN.record) }], 2),
      /ng refs\/heads\/main Refuse the credential/,
    ],
    [
      "the user is disabled",
      (view) => view.apply([{ kind: "put", record: { ...ANN, disabled: true } }], 2),
      /ng refs\/heads\/main Refuse the credential .*disabled/,
    ],
  ];
  for (const [label, happens, expected] of cases) {
    const { report, pushes } = await pushDuring(happens);
    assert.match(report, expected, label);
    assert.deepEqual(pushes, [], label);
  }
});
