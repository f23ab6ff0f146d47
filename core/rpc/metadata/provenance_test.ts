import assert from "node:assert/strict";
import { ANONYMOUS, parseAccountName, UNGUARDED } from "../../access/principal.ts";
import type { RepositoryId } from "../ids.ts";
import {
  actorOf,
  PROVENANCE_TEXT_LENGTH_MAX,
  provenanceOf,
  provenanceSchema,
} from "./provenance.ts";

Deno.test("actorOf() keeps who it was and by what, and no more of a credential than its id", () => {
  const name = parseAccountName("alice");
  const credential = { kind: "token", id: "t1", scopes: ["account"] } as const;
  assert.deepEqual(actorOf({ kind: "user", name, administrator: true, credential }), {
    user: "alice",
    credential: { kind: "token", id: "t1" },
  });
  const repository = "1".repeat(32) as RepositoryId;
  assert.deepEqual(actorOf({ kind: "deploy-key", id: "d1", repository, role: "read" }), {
    credential: { kind: "deploy-key", id: "d1" },
  });
  assert.deepEqual(actorOf(ANONYMOUS), {});
  assert.deepEqual(actorOf(UNGUARDED), {});
});

Deno.test("provenanceOf() cuts what clients chose to what the schema takes", () => {
  const provenance = provenanceOf({ user: "alice" }, {
    transport: "http",
    atMs: 1.5,
    agent: "a".repeat(10_000),
    remoteAddress: undefined,
  });
  assert.equal(provenance.agent?.length, PROVENANCE_TEXT_LENGTH_MAX);
  assert.deepEqual(provenanceSchema.parse(provenance), provenance);
  assert.equal("remoteAddress" in provenance, false);
  const later = { ...provenance, device: "x" };
  assert.deepEqual(provenanceSchema.parse(later), later, "what a later release says is kept");
});
