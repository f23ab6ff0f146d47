import { deepEqual, equal } from "node:assert/strict";
import {
  askedSettingsChangeSchema,
  changedSettings,
  DEFAULT_REPOSITORY_SETTINGS,
  hasLaterSettings,
  pushPolicyOf,
  repositorySettingsChangeSchema,
  repositorySettingsSchema,
  shownSettings,
  shownSettingsSchema,
} from "./repository_settings.ts";

Deno.test("shownSettingsSchema takes the defaults and refuses what can not be meant", () => {
  const takes = (change: object) =>
    shownSettingsSchema.safeParse({ ...DEFAULT_REPOSITORY_SETTINGS, ...change }).success;
  equal(takes({}), true);
  equal(takes({ fsck: { missingEmail: "ignore" }, pushBytesMax: 10, objectBytesMax: 1 }), true);
  equal(takes({ hiddenReferences: ["refs/pull", "!refs/pull/1"] }), true);
  equal(takes({ hiddenReferences: ["pull"] }), false);
  equal(takes({ hiddenReferences: Array.from({ length: 65 }, () => "refs/x") }), false);
  equal(takes({ fsck: { noSuchCheck: "ignore" } }), false);
  equal(takes({ fsck: { nulInHeader: "warn" } }), false, "fatal in git");
  equal(takes({ fsck: { missingEmail: "fatal" } }), false);
  equal(takes({ pushBytesMax: 0 }), false);
  equal(takes({ objectBytesMax: 2 ** 52 }), false);
  equal(takes({ denyDeletes: "yes" }), false);
  equal(takes({ denyDeletes: "warn" }), false, "git has no such value");
  equal(takes({ denyDeleteCurrent: "warn" }), true);
  equal(takes({ denyDeleteCurrent: "refuse" }), false, "that is what true says");
  equal(takes({ other: true }), false);
});

Deno.test("shownSettingsSchema takes downloads that can stand in a line of the protocol", () => {
  const takes = (change: object) =>
    shownSettingsSchema.safeParse({ ...DEFAULT_REPOSITORY_SETTINGS, ...change }).success;
  const bundle = { id: "main-1", uri: "https://example.com/a.bundle", creationToken: 7 };
  equal(takes({ bundleUris: [bundle, { ...bundle, id: "b", filter: "blob:none" }] }), true);
  equal(takes({ bundleUris: [bundle, bundle] }), false, "one id twice");
  for (const id of ["", "a.b", "a b", "-a", "x".repeat(65)]) {
    equal(takes({ bundleUris: [{ ...bundle, id }] }), false, id);
  }
  for (
    const uri of ["ftp://x/y", "x.bundle", "http://x/a b", "http://x/\n", "file:///etc/passwd"]
  ) {
    equal(takes({ bundleUris: [{ ...bundle, uri }] }), false, uri);
  }
  equal(takes({ bundleUris: [{ ...bundle, creationToken: -1 }] }), false);
  const packs = [{ hash: "a".repeat(40), uri: "http://example.com/p.pack" }];
  equal(takes({ packfileUris: [{ oid: "b".repeat(40), packs }] }), true);
  equal(takes({ packfileUris: [{ oid: "main", packs }] }), false);
  equal(takes({ packfileUris: [{ oid: "b".repeat(40), packs: [] }] }), false);
});

Deno.test("askedSettingsChangeSchema takes descriptions of one line", () => {
  const takes = (description: unknown) =>
    askedSettingsChangeSchema.safeParse({ description }).success;
  for (const text of ["", "Größe & 漢字 🎉", "x".repeat(350), null]) equal(takes(text), true);
  for (const text of ["a\nb", "a\u0000", "\u001b[31m", "a\u2028b", "x".repeat(351), 5]) {
    equal(takes(text), false, JSON.stringify(text));
  }
});

Deno.test("changedSettings() keeps no empty description and no false archived", () => {
  const change = { description: "text", archived: true };
  const first = changedSettings(DEFAULT_REPOSITORY_SETTINGS, change);
  deepEqual(first, { ...DEFAULT_REPOSITORY_SETTINGS, ...change });
  const reset = { description: "", archived: false };
  deepEqual(changedSettings(first, reset), DEFAULT_REPOSITORY_SETTINGS);
});

Deno.test("repositorySettingsSchema takes settings from before downloads could be offered", () => {
  const { bundleUris: _, offerBundle: __, packfileUris: ___, ...old } = DEFAULT_REPOSITORY_SETTINGS;
  deepEqual(repositorySettingsSchema.parse(old), DEFAULT_REPOSITORY_SETTINGS);
});

Deno.test("repositorySettingsChangeSchema spells message ids as git does", () => {
  const change = repositorySettingsChangeSchema.parse({ fsck: { MISSINGEMAIL: "ignore" } });
  deepEqual(change, { fsck: { missingEmail: "ignore" } });
});

Deno.test("changedSettings() sets what is given, resets what is null, leaves the rest", () => {
  const first = changedSettings(DEFAULT_REPOSITORY_SETTINGS, {
    denyDeletes: true,
    denyDeleteCurrent: false,
    pushBytesMax: 100,
    hiddenReferences: ["refs/a"],
  });
  deepEqual(first, {
    ...DEFAULT_REPOSITORY_SETTINGS,
    denyDeletes: true,
    denyDeleteCurrent: false,
    pushBytesMax: 100,
    hiddenReferences: ["refs/a"],
  });
  const second = changedSettings(first, { denyDeletes: false, pushBytesMax: null });
  deepEqual(second, {
    ...DEFAULT_REPOSITORY_SETTINGS,
    denyDeleteCurrent: false,
    hiddenReferences: ["refs/a"],
  });
  const reset = { denyDeleteCurrent: null, hiddenReferences: null };
  deepEqual(changedSettings(second, reset), DEFAULT_REPOSITORY_SETTINGS);
});

Deno.test("changedSettings() gives equal settings equal JSON", () => {
  const set = (fsck: Record<string, "warn" | "ignore">) =>
    JSON.stringify(changedSettings(DEFAULT_REPOSITORY_SETTINGS, { fsck }));
  equal(set({ badDate: "warn", hasDot: "ignore" }), set({ hasDot: "ignore", badDate: "warn" }));
});

Deno.test("pushPolicyOf() changes the checks of pushes by id", () => {
  const policy = pushPolicyOf({ fsck: { missingEmail: "ignore", badTimezone: "error" } });
  equal(policy.missingEmail, "ignore");
  equal(policy.badTimezone, "error");
  equal(policy.zeroPaddedFilemode, "ignore");
  equal(policy.missingTree, "error");
});

Deno.test("askedSettingsChangeSchema refuses what it does not know, however deep", () => {
  const takes = (change: object) => askedSettingsChangeSchema.safeParse(change).success;
  equal(takes({ denyDeletes: true }), true);
  equal(takes({ denydeletes: true }), false);
  equal(takes({ protectedReferences: [{ pattern: "refs/heads/main", denyforce: true }] }), false);
  equal(takes({ bundleUris: [{ id: "a", uri: "https://x.test/a", size: 1 }] }), false);
});

Deno.test("settings that a later release knows are kept by nodes, through changes, and not shown", () => {
  const rule = { pattern: "refs/heads/main", reviewers: 2 };
  const written = { ...DEFAULT_REPOSITORY_SETTINGS, mergeQueue: { size: 3 }, later: true };
  const stored = repositorySettingsSchema.parse({ ...written, protectedReferences: [rule] });
  equal(hasLaterSettings(stored), true);
  const change = repositorySettingsChangeSchema.parse({ denyDeletes: true, later: null, newer: 1 });
  const changed = changedSettings(stored, change);
  deepEqual(changed, {
    ...DEFAULT_REPOSITORY_SETTINGS,
    denyDeletes: true,
    protectedReferences: stored.protectedReferences,
    mergeQueue: { size: 3 },
    newer: 1,
  });
  equal((changed.protectedReferences![0] as unknown as typeof rule).reviewers, 2);
  const shown = shownSettings(changed);
  equal(shownSettingsSchema.safeParse(shown).success, true);
  equal("mergeQueue" in shown, false);
  equal(hasLaterSettings(shown), false);
  equal(hasLaterSettings(DEFAULT_REPOSITORY_SETTINGS), false);
});
