import assert from "node:assert/strict";
import { GitStratumError, ManualClock } from "@gitstratum/core";
import {
  type AccountName,
  ANONYMOUS,
  type GrantRecord,
  MemoryAccessView,
  type Principal,
  UNGUARDED,
} from "@gitstratum/core/access";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type RepositoryId,
  type RepositoryInfo,
} from "@gitstratum/core/rpc";
import { AccessGate, type AccessTarget } from "./access_gate.ts";
import { keyRecord, userRecord } from "./testing/accounts.ts";

const ID = "a".repeat(32) as RepositoryId;
const ANN = userRecord("ann");
const BOB = userRecord("bob");
const OUT = userRecord("out", { disabled: true });
const TEAM_WRITER = userRecord("team-writer");
const TEAM = { kind: "owner", name: "team" as AccountName, createdAtMs: 0 } as const;
const REPOSITORY = {
  name: "team/thing",
  repositoryId: ID,
  settings: DEFAULT_REPOSITORY_SETTINGS,
} as unknown as RepositoryInfo;

const grant = (user: typeof ANN, target: GrantRecord["target"], role: GrantRecord["role"]) =>
  ({ kind: "grant", user: user.id, target, role, createdAtMs: 0 }) as const;

function gate(isOpen = false) {
  const view = new MemoryAccessView([
    ANN,
    BOB,
    OUT,
    TEAM_WRITER,
    TEAM,
    grant(ANN, { on: "repository", repository: ID }, "read"),
    grant(TEAM_WRITER, { on: "owner", owner: TEAM.name }, "write"),
    keyRecord("SHA256:ann", { kind: "user-key", user: ANN }),
    keyRecord("SHA256:out", { kind: "user-key", user: OUT }),
    keyRecord("SHA256:robot", { kind: "deploy-key", repository: ID, role: "write" }),
  ]);
  const clock = new ManualClock(1000);
  return new AccessGate({ clock, ...(isOpen ? {} : { view }) });
}

const user = ({ name, administrator }: typeof ANN): Principal => ({
  kind: "user",
  name,
  administrator,
  credential: { kind: "ssh-key", id: "k" },
});

/** What somebody is told, or "". */
function told(work: () => unknown): string {
  try {
    work();
    return "";
  } catch (error) {
    assert.ok(error instanceof GitStratumError);
    return `${error.code}: ${error.message}`;
  }
}

Deno.test("AccessGate.check() tells each no more than they may know", () => {
  const read: AccessTarget = { on: "repository", operation: "read", repository: REPOSITORY };
  const write: AccessTarget = { ...read, operation: "write" };
  const missing: AccessTarget = { ...read, repository: undefined };
  const create: AccessTarget = { on: "owner", operation: "create-repository", owner: TEAM.name };
  const members: AccessTarget = { ...create, operation: "manage-members" };
  const account: AccessTarget = { on: "account", user: ANN.name };
  const server: AccessTarget = { on: "server" };
  const cases: [Principal, AccessTarget, string][] = [
    [ANONYMOUS, read, "unauthenticated: Authenticate to go on"],
    [ANONYMOUS, missing, "unauthenticated: Authenticate to go on"],
    [user(ANN), read, ""],
    [user(ANN), write, "denied: Lack the permission for this in the repository"],
    [user(BOB), read, "not-found: Find no such repository"],
    [user(BOB), missing, "not-found: Find no such repository"],
    [user(TEAM_WRITER), write, ""],
    [user(TEAM_WRITER), create, ""],
    [user(TEAM_WRITER), members, "denied: Lack the permission for this with the owner"],
    [user(BOB), create, "not-found: Find no such owner"],
    [user(ANN), account, ""],
    [user(BOB), account, "not-found: Find no such user"],
    [user(BOB), server, "denied: Lack the permission to administer the server"],
    [UNGUARDED, write, ""],
    [UNGUARDED, server, ""],
    [UNGUARDED, missing, "not-found: Find no such repository"],
  ];
  for (const [principal, target, expected] of cases) {
    const found = told(() => gate().check(principal, target, {}));
    assert.equal(found, expected, JSON.stringify([principal, target.on]));
  }
});

Deno.test("AccessGate.pusher() says who pushes to those who judge references", () => {
  assert.deepEqual(gate().pusher(user(TEAM_WRITER), REPOSITORY), {
    role: "write",
    user: TEAM_WRITER.name,
  });
  const robot: Principal = { kind: "deploy-key", id: "r", repository: ID, role: "write" };
  assert.deepEqual(gate().pusher(robot, REPOSITORY), { role: "write", deployKey: "r" });
  assert.deepEqual(gate(true).pusher(UNGUARDED, REPOSITORY), { role: "admin" });
  assert.match(told(() => gate().pusher(user(ANN), REPOSITORY)), /^denied/);
});

Deno.test("AccessGate.isUsersKey() takes keys of users who are not kept out", () => {
  assert.equal(gate().isUsersKey("SHA256:ann"), true);
  assert.equal(gate().isUsersKey("SHA256:out"), false);
  assert.equal(gate().isUsersKey("SHA256:robot"), false);
  assert.equal(gate().isUsersKey("SHA256:nobody"), false);
  assert.equal(gate(true).isUsersKey("SHA256:ann"), false);
});
