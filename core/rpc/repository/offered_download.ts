/**
 * Downloads that the owner of a repository offers in place of bytes from this server: bundles
 * (gitprotocol-v2, `bundle-uri`) and packs (`packfile-uris`). What is at the addresses is the
 * owner's business; clients check it.
 *
 * @module
 */

import { z } from "zod";
import { isOid, type Oid } from "../../git/oid.ts";
import {
  BUNDLE_URI_COUNT_MAX,
  DOWNLOAD_URI_BYTES_MAX,
  PACKFILE_URI_COUNT_MAX,
  PACKFILE_URI_PACK_COUNT_MAX,
} from "../../limits.ts";
import type { ObjectMaker } from "./object_maker.ts";

/** A bundle that a client may fetch first (git-config `bundle.<id>.*`). */
export interface OfferedBundle {
  /** Letters, digits and hyphens; names the bundle in the list. */
  readonly id: string;
  /** Absolute `http` or `https` address, or one relative to the repository's. */
  readonly uri: string;
  /** Grows with every bundle of the list: a client that has one asks for later ones only. */
  readonly creationToken?: number;
  /** The filter that the bundle was made with; absent when it is whole. */
  readonly filter?: string;
}

/** One pack at an address. */
export interface OfferedPack {
  /** The pack's trailer, in hexadecimal digits: clients compare it with what they get. */
  readonly hash: Oid;
  /** Absolute `http` or `https` address. */
  readonly uri: string;
}

/** Packs that together hold a commit and everything that it reaches. */
export interface OfferedPackfiles {
  /** The commit. */
  readonly oid: Oid;
  /** All packs that are needed. */
  readonly packs: readonly OfferedPack[];
}

const BUNDLE_ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;
/** No blanks and no control characters: the address goes into a line of the protocol. */
const ADDRESS = /^https?:\/\/[!-~]+$/;
/** A filter without blanks, as `git clone --filter` takes it. */
const FILTER = /^[!-~]{1,200}$/;

const uri = z.string().max(DOWNLOAD_URI_BYTES_MAX).regex(ADDRESS);
const oid = z.string().refine((text): text is Oid => isOid(text));

/** Schema of a list of bundles; ids are unique. */
export function offeredBundlesSchema(object: ObjectMaker): z.ZodType<readonly OfferedBundle[]> {
  const bundle = object({
    id: z.string().regex(BUNDLE_ID),
    uri,
    creationToken: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
    filter: z.string().regex(FILTER).optional(),
  });
  return z.array(bundle).max(BUNDLE_URI_COUNT_MAX).refine(
    (bundles) => new Set(bundles.map(({ id }) => id)).size === bundles.length,
    "the ids of bundles must differ",
  ) as unknown as z.ZodType<readonly OfferedBundle[]>;
}

/** Schema of a list of packs by the commit that they make whole. */
export function offeredPackfilesSchema(
  object: ObjectMaker,
): z.ZodType<readonly OfferedPackfiles[]> {
  const packs = z.array(object({ hash: oid, uri })).min(1).max(PACKFILE_URI_PACK_COUNT_MAX);
  return z.array(object({ oid, packs })).max(PACKFILE_URI_COUNT_MAX) as unknown as z.ZodType<
    readonly OfferedPackfiles[]
  >;
}
