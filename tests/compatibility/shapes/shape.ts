/**
 * What nodes say to each other and leave for each other, listed, so that rules can be held for all of it
 * (docs/compatibility.md).
 *
 * @module
 */

import type { z } from "zod";

/** Messages of one form. */
export interface Shape {
  /** What it is called in the tests and in `testdata/`. */
  readonly name: string;
  /** What reads it. */
  readonly schema: z.ZodType;
  /** Messages of this release with all members, at least one for each alternative. */
  readonly samples: readonly unknown[];
}

/** A shape with its messages. */
export function shape(name: string, schema: z.ZodType, ...samples: readonly unknown[]): Shape {
  return { name, schema, samples };
}

/** 32 hexadecimal digits. */
export const ID = "1".repeat(32);
/** An object id. */
export const OID = "a".repeat(40);
/** Wall time in milliseconds. */
export const AT_MS = 1_700_000_000_000;
/** A repository's name. */
export const NAME = "owner/name";

/** Who did something, with all that is told. */
export const PROVENANCE = {
  user: "alice",
  userId: ID,
  credential: { kind: "token", id: ID },
  remoteAddress: "192.0.2.1",
  agent: "git/2.45.0",
  transport: "http",
  atMs: AT_MS,
  certificate: "certificate",
} as const;

/** A rule for references. */
const RULE = {
  pattern: "refs/heads/main",
  denyDelete: true,
  denyForce: true,
  linearHistory: false,
  signed: false,
  pushers: { role: "admin", users: ["alice"], deployKeys: [ID] },
} as const;

/** All settings of a repository. */
export const SETTINGS = {
  denyNonFastForwards: true,
  denyDeletes: false,
  denyDeleteCurrent: "warn",
  hiddenReferences: ["refs/pull"],
  allowHiddenWants: false,
  fsck: { badDate: "ignore" },
  bundleUris: [{ id: "b", uri: "https://b.test/b", creationToken: 1, filter: "blob:none" }],
  offerBundle: true,
  packfileUris: [{ oid: OID, packs: [{ hash: OID, uri: "https://p.test/p" }] }],
  objectBytesMax: 1000,
  pushBytesMax: 1000,
  repositoryBytesMax: 1000,
  referenceCountMax: 1000,
  visibility: "internal",
  protectedReferences: [RULE],
  description: "text",
  archived: true,
} as const;

/** Names whose members are not those of a shape, but keys of their own. */
export const MAPS: ReadonlySet<string> = new Set(["fsck"]);
