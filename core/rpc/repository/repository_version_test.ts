import assert from "node:assert/strict";
import { DEFAULT_REPOSITORY_SETTINGS } from "./repository_settings.ts";
import { repositoryVersion } from "./repository_version.ts";

const settings = DEFAULT_REPOSITORY_SETTINGS;
const head = "refs/heads/main";

Deno.test("repositoryVersion() is the same for the same content, however it came", () => {
  const version = repositoryVersion({ head, settings });
  assert.match(version, /^[0-9a-f]{20}$/);
  const backwards = Object.fromEntries(Object.entries(settings).toReversed()) as typeof settings;
  assert.equal(repositoryVersion({ head, settings: backwards }), version);
  const wire = JSON.parse(JSON.stringify({ head, settings }));
  assert.equal(repositoryVersion(wire), version);
  const padded = { ...settings, description: undefined } as unknown as typeof settings;
  assert.equal(repositoryVersion({ head, settings: padded }), version);
});

Deno.test("repositoryVersion() is another one for any other content", () => {
  const rule = { pattern: "refs/heads/main", denyDelete: true, denyForce: false };
  const all = [
    { head, settings },
    { head: "refs/heads/trunk", settings },
    { head, settings: { ...settings, denyDeletes: true } },
    { head, settings: { ...settings, protectedReferences: [rule] } },
    { head, settings: { ...settings, protectedReferences: [{ ...rule, denyForce: true }] } },
    { head, settings: { ...settings, protectedReferences: [rule, rule] } },
    { head, settings: { ...settings, hiddenReferences: ["refs/a", "refs/b"] } },
    { head, settings: { ...settings, hiddenReferences: ["refs/b", "refs/a"] } },
  ] as unknown as Parameters<typeof repositoryVersion>[0][];
  assert.equal(new Set(all.map(repositoryVersion)).size, all.length);
});

Deno.test("repositoryVersion() is the same for what it has seen before, has forgotten, or is too long", () => {
  const described = (description: string) =>
    repositoryVersion({ head, settings: { ...settings, description } });
  for (const description of ["short", "long ".repeat(2000)]) {
    const first = described(description);
    assert.equal(described(description), first);
    for (let number = 0; number < 600; number++) described(`other ${number}`);
    assert.equal(described(description), first);
  }
});
