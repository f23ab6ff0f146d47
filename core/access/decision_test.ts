import assert from "node:assert/strict";
import fc from "fast-check";
import type { RepositoryId } from "../rpc/ids.ts";
import { decide, type Decision } from "./decision.ts";
import {
  type Operation,
  OWNER_OPERATIONS,
  type OwnerFacts,
  type OwnerOperation,
  type ReferenceChange,
  REPOSITORY_OPERATIONS,
  type RepositoryFacts,
  type RepositoryOperation,
} from "./operation.ts";
import {
  type AccountName,
  ANONYMOUS,
  type Credential,
  type Principal,
  UNGUARDED,
} from "./principal.ts";
import type { ReferenceRule } from "./reference_rule.ts";
import { type Role, TOKEN_SCOPES, type TokenScope, VISIBILITIES } from "./role.ts";

const NOW_MS = 1_800_000_000_000;
const THIS = "a".repeat(32) as RepositoryId;
const OTHER = "b".repeat(32) as RepositoryId;
const name = (text: string) => text as AccountName;
const OPERATIONS = Object.keys(REPOSITORY_OPERATIONS) as RepositoryOperation[];

const OWNER: OwnerFacts = {
  name: name("acme"),
  roles: new Map<AccountName, Role>([
    [name("owner-reader"), "read"],
    [name("owner-writer"), "write"],
    [name("owner-admin"), "admin"],
  ]),
};
const REPOSITORY: RepositoryFacts = {
  id: THIS,
  owner: OWNER,
  visibility: "private",
  roles: new Map<AccountName, Role>([
    [name("reader"), "read"],
    [name("writer"), "write"],
    [name("admin"), "admin"],
    // A smaller role than the owner gave takes nothing away.
    [name("owner-admin"), "read"],
  ]),
  rules: [],
};

/** `writer`, `writer:SCOPES` for a token, with `@this` or `@other` for its list, `!` when it expired. */
function principalOf(text: string): Principal {
  if (text === "anonymous") return ANONYMOUS;
  if (text === "unguarded") return UNGUARDED;
  const [, who, scopes, list, expired] = /^([a-z-]+)(?::([a-z+]*))?(@this|@other)?(!)?$/.exec(
    text,
  )!;
  if (who === "key-read" || who === "key-write") {
    const role = who === "key-read" ? "read" : "write";
    return { kind: "deploy-key", id: who, repository: list === "@other" ? OTHER : THIS, role };
  }
  const credential: Credential = scopes === undefined ? { kind: "ssh-key", id: "k" } : {
    kind: "token",
    id: "t",
    scopes: scopes.split("+").filter((word) => word !== "").map((word) =>
      TOKEN_SCOPES.find((scope) => scope === word || scope === `repository:${word}`)!
    ),
    ...(list === undefined ? {} : { repositories: [list === "@this" ? THIS : OTHER] }),
    expiresAtMs: expired === undefined ? NOW_MS + 1 : NOW_MS,
  };
  return { kind: "user", name: name(who!), administrator: who === "root", credential };
}

const answer = (decision: Decision) => decision.allowed ? "allowed" : decision.as;
const ask = (principal: Principal, operation: Operation) =>
  decide(principal, operation, { nowMs: NOW_MS });

/** The operations that each letter of the matrix allows. */
const ALLOWS: Readonly<Record<string, readonly RepositoryOperation[]>> = {
  "-": [],
  x: [],
  r: ["read"],
  w: ["read", "write"],
  a: ["read", "write", "configure", "grant", "audit", "delete"],
};

/** Who may how much: `a`dmin, `w`rite, `r`ead, `x` only knows that it is there, `-` not even that. */
const MATRIX = `
  who                  public internal private
  anonymous            r      -        -
  unguarded            a      a        a
  stranger             r      r        -
  reader               r      r        r
  writer               w      w        w
  admin                a      a        a
  owner-reader         r      r        r
  owner-writer         w      w        w
  owner-admin          a      a        a
  acme                 a      a        a
  root                 a      a        a
  key-read             r      r        r
  key-write            w      w        w
  key-read@other       r      -        -
  key-write@other      r      -        -
  stranger:read        r      r        -
  stranger:admin       r      r        -
  stranger:            r      -        -
  stranger:read@this   r      r        -
  stranger:read@other  r      -        -
  writer:              r      -        -
  writer:account       r      -        -
  writer:server        r      -        -
  writer:read          r      r        r
  writer:write         w      w        w
  writer:admin         w      w        w
  writer:write@this    w      w        w
  writer:write@other   r      -        -
  writer:write!        x      -        -
  reader:admin         r      r        r
  admin:read+write     w      w        w
  admin:admin          a      a        a
  admin:account+server r      -        -
  acme:write           w      w        w
  acme:admin@other     r      -        -
  root:read            r      r        r
  root:admin           a      a        a
  root:server          r      -        -
  root:admin@this      a      a        a
  root:admin@other     r      -        -
  root:admin!          x      -        -
`;

Deno.test("decide() gives each principal of the matrix its operations on a repository", () => {
  const [, ...lines] = MATRIX.trim().split("\n").map((line) => line.trim().split(/\s+/));
  for (const [who, ...cells] of lines) {
    assert.equal(cells.length, VISIBILITIES.length, who);
    for (const [column, visibility] of VISIBILITIES.entries()) {
      const cell = cells[column]!;
      const repository = { ...REPOSITORY, visibility };
      const denial = cell === "-" ? "hidden" : "forbidden";
      for (const operation of OPERATIONS) {
        const wanted = ALLOWS[cell]!.includes(operation) ? "allowed" : denial;
        const found = answer(ask(principalOf(who!), { on: "repository", operation, repository }));
        assert.equal(found, wanted, `${who} wants ${operation} of ${visibility}`);
      }
      const change: ReferenceChange = { name: "refs/heads/main", kind: "force" };
      const found = answer(ask(principalOf(who!), { on: "reference", change, repository }));
      const wanted = ALLOWS[cell]!.includes("write") ? "allowed" : denial;
      assert.equal(found, wanted, `${who} changes a reference of ${visibility}`);
    }
  }
});

Deno.test("decide() denies what can not be read exactly as what is missing", () => {
  const [, ...lines] = MATRIX.trim().split("\n").map((line) => line.trim().split(/\s+/));
  let hiddenCount = 0;
  for (const [who, , , cell] of lines) {
    if (cell !== "-") continue;
    hiddenCount++;
    for (const operation of OPERATIONS) {
      const there = ask(principalOf(who!), { on: "repository", operation, repository: REPOSITORY });
      const missing = ask(principalOf("root"), {
        on: "repository",
        operation,
        repository: undefined,
      });
      assert.deepEqual(there, missing, `${who} wants ${operation}`);
      assert.equal(answer(there), "hidden");
    }
  }
  assert.ok(hiddenCount > 10);
});

/** `a` = manage members, `w` = create repositories, `x` = knows the owner, `-` = does not. */
const OWNER_MATRIX = `
  anonymous -
  stranger -
  reader -
  admin -
  key-write -
  owner-reader x
  owner-writer w
  owner-admin a
  acme a
  root a
  owner-writer:write w
  owner-writer:write@this -
  owner-writer:read x
  owner-writer:account -
  owner-admin:write w
  owner-admin:admin a
  owner-admin:admin! -
  root:server -
  root:admin a
`;

Deno.test("decide() gives each principal of the matrix its operations on an owner", () => {
  const allows: Record<string, readonly OwnerOperation[]> = {
    w: ["create-repository"],
    a: ["create-repository", "manage-members"],
  };
  for (const line of OWNER_MATRIX.trim().split("\n")) {
    const [who, cell] = line.trim().split(" ");
    for (const operation of Object.keys(OWNER_OPERATIONS) as OwnerOperation[]) {
      const denial = cell === "-" ? "hidden" : "forbidden";
      const wanted = allows[cell!]?.includes(operation) ? "allowed" : denial;
      const found = answer(ask(principalOf(who!), { on: "owner", operation, owner: OWNER }));
      assert.equal(found, wanted, `${who} wants ${operation}`);
    }
  }
});

Deno.test("decide() lets users manage their own account and administrators everybody's", () => {
  const wanted: Record<string, readonly [string, string]> = {
    "anonymous": ["hidden", "forbidden"],
    "key-write": ["hidden", "forbidden"],
    "stranger": ["hidden", "forbidden"],
    "reader": ["allowed", "forbidden"],
    "reader:account": ["allowed", "forbidden"],
    "reader:account+server": ["allowed", "forbidden"],
    "reader:account!": ["hidden", "forbidden"],
    "reader:account@this": ["hidden", "forbidden"],
    "reader:admin": ["hidden", "forbidden"],
    "root": ["allowed", "allowed"],
    "root:server": ["hidden", "allowed"],
    "root:account": ["hidden", "forbidden"],
    "root:account+server": ["allowed", "allowed"],
    "root:server@this": ["hidden", "forbidden"],
    "root:server!": ["hidden", "forbidden"],
  };
  for (const [who, [account, server]] of Object.entries(wanted)) {
    const principal = principalOf(who);
    assert.equal(answer(ask(principal, { on: "account", name: name("reader") })), account, who);
    assert.equal(answer(ask(principal, { on: "server" })), server, who);
  }
});

const rule = (changes: Partial<ReferenceRule>): ReferenceRule => ({
  pattern: "refs/heads/main",
  denyDelete: false,
  denyForce: false,
  linearHistory: false,
  signed: false,
  ...changes,
});
const CHANGES: readonly ReferenceChange[] = [
  { name: "refs/heads/main", kind: "create" },
  { name: "refs/heads/main", kind: "create", isLinear: true, isSigned: true },
  { name: "refs/heads/main", kind: "fast-forward" },
  { name: "refs/heads/main", kind: "fast-forward", isLinear: true },
  { name: "refs/heads/main", kind: "fast-forward", isSigned: true },
  { name: "refs/heads/main", kind: "fast-forward", isLinear: false, isSigned: false },
  { name: "refs/heads/main", kind: "fast-forward", isLinear: true, isSigned: true },
  { name: "refs/heads/main", kind: "force", isLinear: true, isSigned: true },
  { name: "refs/heads/main", kind: "delete" },
];

/** The changes above, in order, that a rule leaves: `y` or `n`. */
function leaves(rules: readonly ReferenceRule[], who: string): string {
  const repository = { ...REPOSITORY, rules };
  return CHANGES.map((change) =>
    ask(principalOf(who), { on: "reference", change, repository }).allowed ? "y" : "n"
  ).join("");
}

Deno.test("decide() holds changes of references to the rules, whoever makes them", () => {
  for (const who of ["writer", "admin", "root", "key-write"]) {
    assert.equal(leaves([], who), "yyyyyyyyy");
    assert.equal(leaves([rule({})], who), "yyyyyyyyy");
    assert.equal(leaves([rule({ denyDelete: true })], who), "yyyyyyyyn");
    assert.equal(leaves([rule({ denyForce: true })], who), "yyyyyyyny");
    assert.equal(leaves([rule({ linearHistory: true })], who), "nynynnyyy");
    assert.equal(leaves([rule({ signed: true })], who), "nynnynyyy");
    assert.equal(leaves([rule({ signed: true, pattern: "refs/heads/other" })], who), "yyyyyyyyy");
  }
});

Deno.test("decide() lets only the pushers of a rule change what it covers", () => {
  const only = (pushers: NonNullable<ReferenceRule["pushers"]>, who: string) =>
    leaves([rule({ pushers })], who) === "yyyyyyyyy";
  const nobody = { users: [], deployKeys: [] };
  assert.equal(leaves([rule({ pushers: nobody })], "root"), "nnnnnnnnn");
  assert.ok(!only({ ...nobody, role: "admin" }, "writer"));
  assert.ok(only({ ...nobody, role: "admin" }, "admin"));
  assert.ok(!only({ ...nobody, role: "admin" }, "admin:write"));
  assert.ok(only({ ...nobody, role: "write" }, "key-write"));
  assert.ok(only({ ...nobody, users: [name("writer")] }, "writer"));
  assert.ok(!only({ ...nobody, users: [name("writer")] }, "admin"));
  assert.ok(only({ ...nobody, deployKeys: ["key-write"] }, "key-write"));
  assert.ok(!only({ ...nobody, users: [name("key-write")] }, "key-write"));
  // To be named gives no role.
  assert.equal(
    leaves([rule({ pushers: { ...nobody, users: [name("reader")] } })], "reader"),
    "nnnnnnnnn",
  );
});

Deno.test("decide() names the rule that forbids", () => {
  const repository = { ...REPOSITORY, rules: [rule({ pattern: "refs/**", denyDelete: true })] };
  const change: ReferenceChange = { name: "refs/tags/v1", kind: "delete" };
  assert.deepEqual(ask(principalOf("root"), { on: "reference", change, repository }), {
    allowed: false,
    as: "forbidden",
    reason: "reference-delete",
    pattern: "refs/**",
  });
});

const anyRule = fc.record({
  pattern: fc.constantFrom("refs/heads/main", "refs/heads/*", "refs/**", "refs/tags/*"),
  denyDelete: fc.boolean(),
  denyForce: fc.boolean(),
  linearHistory: fc.boolean(),
  signed: fc.boolean(),
});
const anyScopes: fc.Arbitrary<readonly TokenScope[]> = fc.subarray([...TOKEN_SCOPES]);

Deno.test("decide() allows nothing more for a further rule", () => {
  fc.assert(fc.property(
    fc.array(anyRule, { maxLength: 4 }),
    anyRule,
    fc.constantFrom("writer", "root", "key-write"),
    (rules, further, who) => {
      const before = leaves(rules, who);
      const after = leaves([...rules, further], who);
      for (const [index, letter] of [...after].entries()) {
        if (letter === "y") assert.equal(before[index], "y");
      }
    },
  ));
});

Deno.test("decide() allows a token nothing that its user may not do, or fewer scopes may", () => {
  const asks = VISIBILITIES.flatMap((visibility) =>
    OPERATIONS.map((operation): Operation => ({
      on: "repository",
      operation,
      repository: { ...REPOSITORY, visibility },
    }))
  ).concat([
    { on: "owner", operation: "create-repository", owner: OWNER },
    { on: "owner", operation: "manage-members", owner: OWNER },
    { on: "account", name: name("writer") },
    { on: "server" },
  ]);
  const users = fc.constantFrom("stranger", "reader", "writer", "admin", "owner-writer", "root");
  fc.assert(fc.property(users, anyScopes, anyScopes, (who, scopes, more) => {
    const by = (credential: Credential): Principal => ({
      kind: "user",
      name: name(who),
      administrator: who === "root",
      credential,
    });
    for (const operation of asks) {
      const few = ask(by({ kind: "token", id: "t", scopes }), operation);
      if (!few.allowed) continue;
      const many = by({ kind: "token", id: "t", scopes: [...scopes, ...more] });
      assert.ok(ask(many, operation).allowed);
      assert.ok(ask(by({ kind: "ssh-key", id: "k" }), operation).allowed);
    }
  }));
});
