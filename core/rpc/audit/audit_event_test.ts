import assert from "node:assert/strict";
import fc from "fast-check";
import { hasCode } from "../../error.ts";
import {
  type AuditEvent,
  auditEventId,
  auditEventSchema,
  type AuditPlace,
  auditPlaceOf,
  auditQuerySchema,
  mergedAuditPages,
  MergedAuditTrail,
  parseAuditEventId,
} from "./mod.ts";

const place = fc.record({
  atMs: fc.integer({ min: 0, max: 10 ** 14 }),
  source: fc.integer({ min: 0, max: 256 }),
  number: fc.integer({ min: 0, max: 10 ** 15 }),
  position: fc.integer({ min: 0, max: 1_000_000 }),
});

function compare(a: AuditPlace, b: AuditPlace): number {
  return a.atMs - b.atMs || a.source - b.source || a.number - b.number || a.position - b.position;
}

function event(one: AuditPlace): AuditEvent {
  return { id: auditEventId(one), atMs: one.atMs, kind: "user-created", details: {} };
}

Deno.test("auditEventId() sorts as the places that it spells, and reads back", () => {
  fc.assert(fc.property(place, place, (one, other) => {
    const ids = [auditEventId(one), auditEventId(other)] as const;
    assert.equal(Math.sign(compare(one, other)), ids[0] < ids[1] ? -1 : ids[0] > ids[1] ? 1 : 0);
    assert.deepEqual(auditPlaceOf(parseAuditEventId(ids[0])), { ...one });
  }));
});

Deno.test("parseAuditEventId() refuses whatever is no id", () => {
  const good = auditEventId({ atMs: 1, source: 2, number: 3, position: 4 });
  for (const text of ["", "1-2-3-4", `${good} `, `${good}0`, good.replace("-", "_")]) {
    assert.throws(() => parseAuditEventId(text), (error) => hasCode(error, "invalid"));
  }
});

Deno.test("auditQuerySchema takes whole queries and no others", () => {
  const query = {
    repositoryId: "1".repeat(32),
    owner: "acme",
    user: "alice",
    sinceMs: 1,
    untilMs: 2,
    before: auditEventId({ atMs: 1, source: 2, number: 3, position: 4 }),
    limit: 10,
    partitions: [0, 255],
  };
  assert.deepEqual(auditQuerySchema.parse(query), query);
  for (
    const change of [{ limit: 0 }, { limit: 1_000_000 }, { partitions: [256] }, { before: "x" }]
  ) assert.equal(auditQuerySchema.safeParse({ ...query, ...change }).success, false);
});

Deno.test("MergedAuditTrail pages through all sources without a gap or a repetition", async () => {
  await fc.assert(fc.asyncProperty(
    fc.uniqueArray(place, { maxLength: 40, selector: auditEventId }),
    fc.integer({ min: 1, max: 7 }),
    async (places, limit) => {
      const trailOf = (isOdd: boolean) => ({
        query: (query: { readonly before?: string; readonly limit: number }) =>
          Promise.resolve(
            places.filter(({ source }) => (source % 2 === 1) === isOdd).map(event)
              .filter(({ id }) => query.before === undefined || id < query.before)
              .sort((a, b) => a.id > b.id ? -1 : 1).slice(0, query.limit),
          ),
      });
      const trail = new MergedAuditTrail([trailOf(true), trailOf(false)]);
      const found: AuditEvent[] = [];
      for (;;) {
        const before = found.at(-1)?.id;
        const page = await trail.query({ limit, ...(before === undefined ? {} : { before }) });
        found.push(...page);
        if (page.length < limit) break;
      }
      assert.deepEqual(found, mergedAuditPages([places.map(event)], places.length));
      for (const one of found) assert.deepEqual(auditEventSchema.parse(one), one);
    },
  ));
});
