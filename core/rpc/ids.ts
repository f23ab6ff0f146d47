/**
 * Identifiers that pass between clusters.
 *
 * A push stores its objects as one pack group: at most one history pack (commits, trees, tags), at
 * most one content pack (blobs), and one index over both. Each of the three parts is a byte string
 * that is cut into extents.
 *
 * @module
 */

import { GitStratumError } from "../error.ts";
import { type Random, randomId } from "../random.ts";

/** 32 hexadecimal digits, drawn at creation: a repository deleted and created again has another. */
export type RepositoryId = string & { readonly __brand: "RepositoryId" };
/** 32 hexadecimal digits: a repository and its forks share one network, which has the id of the first one. */
export type NetworkId = string & { readonly __brand: "NetworkId" };
/** 32 hexadecimal digits, drawn for each push: also its idempotency key. */
export type PushId = string & { readonly __brand: "PushId" };
/** 32 hexadecimal digits, drawn for a change of a repository: a second request with it changes nothing. */
export type RequestId = string & { readonly __brand: "RequestId" };
/** 32 hexadecimal digits of a pack group. */
export type GroupId = string & { readonly __brand: "GroupId" };

/** The parts of a pack group: history pack, content pack, index. */
export type PackPart = "h" | "c" | "i";
/**
 * What extents may be parts of: a pack group, a log entry too large for the log (`l`), a snapshot of a
 * partition (`s`).
 */
export type ExtentPart = PackPart | "l" | "s";
/** Names one part of a pack group: the group's id followed by the part's letter. */
export type PackId = string & { readonly __brand: "PackId" };
/** Names one extent: a pack id, a dot, and the extent's number within the part. */
export type ExtentId = string & { readonly __brand: "ExtentId" };

const ID = /^[0-9a-f]{32}$/;
const PACK_ID = /^[0-9a-f]{32}[hcils]$/;
const EXTENT_ID = /^[0-9a-f]{32}[hcils]\.(0|[1-9][0-9]{0,8})$/;

function check<T extends string>(text: string, pattern: RegExp, what: string): T {
  if (pattern.test(text)) return text as T;
  throw new GitStratumError("invalid", "Expect an identifier", {
    data: { wanted: what, found: text.slice(0, 80) },
  });
}

/** Checks a repository id. @throws `invalid` */
export const parseRepositoryId = (text: string): RepositoryId => check(text, ID, "repository id");
/** Checks a network id. @throws `invalid` */
export const parseNetworkId = (text: string): NetworkId => check(text, ID, "network id");
/** Checks a push id. @throws `invalid` */
export const parsePushId = (text: string): PushId => check(text, ID, "push id");
/** Checks a request id. @throws `invalid` */
export const parseRequestId = (text: string): RequestId => check(text, ID, "request id");
/** Checks a group id. @throws `invalid` */
export const parseGroupId = (text: string): GroupId => check(text, ID, "group id");
/** Checks a pack id. @throws `invalid` */
export const parsePackId = (text: string): PackId => check(text, PACK_ID, "pack id");
/** Checks an extent id. @throws `invalid` */
export const parseExtentId = (text: string): ExtentId => check(text, EXTENT_ID, "extent id");

/** Draws a new push id. */
export const newPushId = (random: Random): PushId => randomId(random) as PushId;
/** Draws a new request id. */
export const newRequestId = (random: Random): RequestId => randomId(random) as RequestId;
/** Draws a new group id. */
export const newGroupId = (random: Random): GroupId => randomId(random) as GroupId;
/** Draws a new repository id. */
export const newRepositoryId = (random: Random): RepositoryId => randomId(random) as RepositoryId;

/** The id of a part of a group. */
export function packId(group: GroupId, part: ExtentPart): PackId {
  return `${group}${part}` as PackId;
}

/** The id of the extent number `index` of a pack. */
export function extentId(pack: PackId, index: number): ExtentId {
  return `${pack}.${index}` as ExtentId;
}
