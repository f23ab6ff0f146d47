/**
 * OpenPGP keys. No two records have the same key, or share a key that signs, whoever holds them: so a
 * signature is one user's.
 *
 * @module
 */

import { GitStratumError, USER_OPENPGP_KEY_COUNT_MAX } from "@gitstratum/core";
import {
  type MemoryAccessView,
  type OpenPgpKey,
  type OpenPgpKeyRecord,
  readOpenPgpKey,
} from "@gitstratum/core/access";
import { OPENPGP_RELEASE_LEVEL } from "@gitstratum/core/rpc";
import type { Access, AddOpenPgpKeyRequest } from "@gitstratum/core/rpc/access";
import type { AccessLedger, AccessPlan } from "./access_ledger.ts";
import { missing, put, userOf } from "./account_calls.ts";
import { checkCount, checkNewId, checkTimes, done, find } from "./credential_calls.ts";

/** The calls about OpenPGP keys that change something. */
export type OpenPgpKeyCalls = Pick<Access, "addOpenPgpKey" | "removeOpenPgpKey">;

/** The calls about OpenPGP keys, decided by a ledger. */
export function openPgpKeyCalls(
  ledger: AccessLedger,
  options: {
    /** The level of the cluster. */
    readonly releaseLevel: () => number;
  },
): OpenPgpKeyCalls {
  return {
    async addOpenPgpKey(request, by) {
      checkLevel(options.releaseLevel());
      // Before the key is read, which costs more than looking.
      await ledger.look((view) => userOf(view, request.user));
      const key = await readOpenPgpKey(request.key, { nowMs: ledger.nowMs() });
      return await ledger.change((view) => planKey(view, { request, key, ledger }), by);
    },
    removeOpenPgpKey: ({ user, id }, by) =>
      ledger.change((view) => {
        const key = find(view, "openpgp-key", id);
        if (key?.user !== user) throw missing("OpenPGP key", { user, id });
        return done(key);
      }, by),
  };
}

function checkLevel(releaseLevel: number): void {
  if (releaseLevel >= OPENPGP_RELEASE_LEVEL) return;
  throw new GitStratumError("unsupported", "Wait with OpenPGP keys until all nodes know them", {
    data: { level: OPENPGP_RELEASE_LEVEL, releaseLevel },
  });
}

function planKey(
  view: MemoryAccessView,
  parts: {
    readonly request: AddOpenPgpKeyRequest;
    readonly key: OpenPgpKey;
    readonly ledger: AccessLedger;
  },
): AccessPlan<OpenPgpKeyRecord> {
  const { request, key, ledger } = parts;
  const { id, user, label = key.userId, expiresAtMs } = request;
  userOf(view, user);
  const known = find(view, "openpgp-key", id);
  if (known?.fingerprint === key.fingerprint && known.user === user) {
    return { changes: [], outcome: known };
  }
  const nowMs = ledger.nowMs();
  const keyIds = key.signers.map(({ keyId }) => keyId);
  checkNewId(known);
  checkNewKey(view, [key.fingerprint, ...keyIds]);
  checkTimes(nowMs, request);
  const countMax = USER_OPENPGP_KEY_COUNT_MAX;
  checkCount(view.recordsOfUser(user), { kind: "openpgp-key", countMax });
  const endsAtMs = Math.max(...key.signers.map((signer) => signer.endsAtMs));
  const record: OpenPgpKeyRecord = {
    kind: "openpgp-key",
    id,
    user,
    label,
    type: key.type,
    blob: key.bytes.toBase64(),
    fingerprint: key.fingerprint,
    keyIds,
    createdAtMs: nowMs,
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(endsAtMs === Infinity ? {} : { keyEndsAtMs: endsAtMs }),
  };
  return { changes: [put(record)], outcome: record };
}

/** Who has the key is not told: it may be anybody. */
function checkNewKey(view: MemoryAccessView, names: readonly string[]): void {
  const name = names.find((each) => view.openPgpKey(each) !== undefined);
  if (name === undefined) return;
  throw new GitStratumError("already-exists", "Find that key in use already", {
    data: { fingerprint: name },
  });
}
