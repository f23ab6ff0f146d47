/**
 * The access store: the contract `Access` over a consensus store.
 *
 * @module
 */

import type { Access } from "@gitstratum/core/rpc/access";
import type { AccessLedger } from "./access_ledger.ts";
import { accountCalls } from "./account_calls.ts";
import { credentialCalls } from "./credential_calls.ts";
import { grantCalls } from "./grant_calls.ts";
import { listingCalls } from "./listing_calls.ts";
import { openPgpKeyCalls } from "./openpgp_key_calls.ts";
import { trustCalls } from "./trust_calls.ts";

/** All calls, each decided by the ledger: by `ledger.since(basis)` where a call has a basis. */
export function accessStore(
  ledger: AccessLedger,
  options: {
    /** The level of the cluster. */
    readonly releaseLevel: () => number;
  },
): Access {
  return {
    ...accountCalls(ledger),
    ...credentialCalls(ledger),
    ...openPgpKeyCalls(ledger, options),
    ...grantCalls(ledger),
    ...trustCalls(ledger),
    ...listingCalls(ledger),
  };
}
