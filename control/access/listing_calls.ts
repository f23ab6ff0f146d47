/**
 * Listings of access records in pages, in order of names or ids.
 *
 * @module
 */

import { ACCESS_PAGE_COUNT_MAX } from "@gitstratum/core";
import {
  type AccessRecord,
  foldedName,
  grantTargetKey,
  type MemoryAccessView,
  recordKey,
} from "@gitstratum/core/access";
import type { Access, Page, PageRequest } from "@gitstratum/core/rpc/access";
import type { AccessLedger } from "./access_ledger.ts";
import { userOf } from "./account_calls.ts";
import { spelledTarget } from "./grant_calls.ts";

/** The calls that list. */
export type ListingCalls = Pick<
  Access,
  | "listUsers"
  | "listOwners"
  | "listIssuers"
  | "listTokens"
  | "listUserKeys"
  | "listOpenPgpKeys"
  | "listDeployKeys"
  | "listGrants"
  | "listTrusts"
>;

/** The calls that list what a ledger knows. */
export function listingCalls(ledger: AccessLedger): ListingCalls {
  const all = <Kind extends "user" | "owner" | "issuer">(kind: Kind, request: PageRequest) =>
    ledger.read((view) => pageOf(view.ofKind(kind), request));
  return {
    listUsers: (request) => all("user", request),
    listOwners: (request) => all("owner", request),
    listIssuers: (request) => all("issuer", request),
    listTokens: (request) =>
      ledger.read((view) => pageOf(ofKind(ofUser(view, request), "token"), request)),
    listUserKeys: (request) =>
      ledger.read((view) => pageOf(ofKind(ofUser(view, request), "user-key"), request)),
    listOpenPgpKeys: (request) =>
      ledger.read((view) => pageOf(ofKind(ofUser(view, request), "openpgp-key"), request)),
    listDeployKeys: (request) =>
      ledger.read((view) =>
        pageOf(ofKind(view.recordsOfRepository(request.repository), "deploy-key"), request)
      ),
    listTrusts: (request) =>
      ledger.read((view) =>
        pageOf(ofKind(view.recordsOfRepository(request.repository), "trust"), request)
      ),
    listGrants: (request) =>
      ledger.read((view) => {
        if ("user" in request) return pageOf(ofKind(ofUser(view, request), "grant"), request);
        const target = spelledTarget(view, request.target);
        const records = target.on === "owner"
          ? view.grantsOnOwner(target.owner)
          : view.recordsOfRepository(target.repository);
        return pageOf(ofKind(records, "grant"), request);
      }),
  };
}

function ofUser(view: MemoryAccessView, { user }: { readonly user: Parameters<typeof userOf>[1] }) {
  return view.recordsOfUser(userOf(view, user).id);
}

function ofKind<Kind extends AccessRecord["kind"]>(
  records: readonly AccessRecord[],
  kind: Kind,
): Extract<AccessRecord, { readonly kind: Kind }>[] {
  return records.filter((record) => record.kind === kind) as Extract<
    AccessRecord,
    { readonly kind: Kind }
  >[];
}

function pageOf<T extends AccessRecord>(records: readonly T[], request: PageRequest): Page<T> {
  const { after, limit = ACCESS_PAGE_COUNT_MAX } = request;
  const rest = records.map((record) => ({ place: placeOf(record), record }))
    .filter(({ place }) => after === undefined || place > after)
    .sort((a, b) => a.place < b.place ? -1 : 1);
  const page = rest.slice(0, Math.min(limit, ACCESS_PAGE_COUNT_MAX));
  const listed = page.map(({ record }) => record);
  return rest.length === page.length
    ? { records: listed }
    : { records: listed, next: page.at(-1)!.place };
}

/** What a record is ordered by. */
function placeOf(record: AccessRecord): string {
  switch (record.kind) {
    case "user":
    case "owner":
      return foldedName(record.name);
    case "grant":
      return `${grantTargetKey(record.target)}/${record.user}`;
    default:
      return recordKey(record).slice(record.kind.length + 1);
  }
}
