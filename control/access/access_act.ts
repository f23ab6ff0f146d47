/**
 * Changes of access records as acts for the audit trail.
 *
 * An act tells the whole record, but for what stands for a secret or repeats a key: its hash and blob.
 *
 * @module
 */

import type { AccessChange, AccessRecord, MemoryAccessView } from "@gitstratum/core/access";
import { recordKey } from "@gitstratum/core/access";
import type { Provenance } from "@gitstratum/core/rpc";
import type { AccountAct } from "../audit/account_audit.ts";

/** What a change was, to a view that does not know it yet; undefined when it changes nothing. */
export function actOf(
  change: AccessChange,
  options: { readonly view: MemoryAccessView; readonly provenance?: Provenance | undefined },
): AccountAct | undefined {
  const { view, provenance } = options;
  const known = view.get(change.kind === "put" ? recordKey(change.record) : change.key);
  const record = change.kind === "put" ? change.record : known;
  if (record === undefined) return undefined;
  const verb = change.kind === "remove" ? "removed" : known === undefined ? "created" : "changed";
  const owner = ownerOf(record, view);
  return {
    kind: `${record.kind}-${verb}`,
    ...(owner === undefined ? {} : { owner }),
    provenance,
    details: detailsOf(record, view),
  };
}

/** The account that it was done to. */
function ownerOf(record: AccessRecord, view: MemoryAccessView): string | undefined {
  switch (record.kind) {
    case "user":
    case "owner":
      return record.name;
    case "token":
    case "user-key":
    case "openpgp-key":
      return view.userById(record.user)?.name;
    case "grant":
      return record.target.on === "owner" ? record.target.owner : undefined;
    case "deploy-key":
    case "issuer":
    case "trust":
    case "job-token":
      return undefined;
  }
}

function detailsOf(record: AccessRecord, view: MemoryAccessView): Record<string, unknown> {
  const { kind: _kind, createdAtMs: _createdAtMs, ...facts } = record;
  const details: Record<string, unknown> = { ...facts };
  delete details.hash;
  delete details.blob;
  if ("user" in record) {
    details.userId = record.user;
    details.user = view.userById(record.user)?.name;
  }
  return details;
}
