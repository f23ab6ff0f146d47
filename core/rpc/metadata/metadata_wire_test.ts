import { deepEqual, throws } from "node:assert/strict";
import type { Oid } from "../../git/oid.ts";
import {
  locatedObjectsSchema,
  negotiateRequestSchema,
  negotiateResultSchema,
  pushResultSchema,
  shallowBoundarySchema,
} from "./metadata_wire.ts";

const OID = "1".repeat(40) as Oid;

Deno.test("schemas of answers bear what a later release adds, and drop it", () => {
  const result = { refused: [OID], common: [], ready: true };
  deepEqual(negotiateResultSchema.parse({ ...result, cost: 7 }), result);
  const boundary = { shallow: [OID], unshallow: [] };
  deepEqual(shallowBoundarySchema.parse({ ...boundary, reason: "depth" }), boundary);
  const pushed = { results: [{ name: "refs/heads/main" }] };
  deepEqual(pushResultSchema.parse({ results: [{ ...pushed.results[0], lsn: 3 }] }), pushed);
  deepEqual(locatedObjectsSchema.parse([]), []);
});

Deno.test("schemas of questions bear it, too, and refuse what is no answerable question", () => {
  const question = { wants: [OID], haves: [], clientShallow: [] };
  deepEqual(negotiateRequestSchema.parse({ ...question, hurry: true }), question);
  throws(() => negotiateRequestSchema.parse({ wants: [OID], haves: [] }));
  throws(() => negotiateRequestSchema.parse({ ...question, haves: ["x"] }));
});
