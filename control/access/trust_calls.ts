/**
 * Issuers whose tokens are exchanged, trusts that say for what, and the tokens given for them.
 *
 * @module
 */

import {
  GitStratumError,
  ISSUER_COUNT_MAX,
  JOB_TOKEN_COUNT_MAX,
  JOB_TOKEN_LIFE_MS_MAX,
  REPOSITORY_TRUST_COUNT_MAX,
} from "@gitstratum/core";
import {
  checkIssuerUrl,
  type IssuerRecord,
  type JobTokenRecord,
  type MemoryAccessView,
  type RecordKey,
  recordKey,
  trustProblem,
  type TrustRecord,
} from "@gitstratum/core/access";
import type { Provenance } from "@gitstratum/core/rpc";
import type { Access, CreateJobTokenRequest } from "@gitstratum/core/rpc/access";
import { type AccessLedger, repositoryKey } from "./access_ledger.ts";
import { missing, put, remove } from "./account_calls.ts";
import { checkCount, checkNewHash, checkTimes, find } from "./credential_calls.ts";

/** The calls about issuers and trusts. */
export type TrustCalls = Pick<
  Access,
  "createIssuer" | "removeIssuer" | "createTrust" | "removeTrust" | "createJobToken"
>;

/** The calls about issuers and trusts, decided by a ledger. */
export function trustCalls(ledger: AccessLedger): TrustCalls {
  return {
    createIssuer: ({ id, url, audience, keysUrl }, by) =>
      ledger.change((view) => {
        const known = find(view, "issuer", id);
        if (known?.url === url) return { changes: [], outcome: known };
        checkIssuerUrl(url);
        if (keysUrl !== undefined) checkIssuerUrl(keysUrl);
        if (known !== undefined || view.issuerByUrl(url) !== undefined) {
          throw new GitStratumError("already-exists", "Know that issuer already", {
            data: { url },
          });
        }
        checkCount(view.ofKind("issuer"), { kind: "issuer", countMax: ISSUER_COUNT_MAX });
        const createdAtMs = ledger.nowMs();
        const base = { kind: "issuer", id, url, audience, createdAtMs } as const;
        const issuer: IssuerRecord = keysUrl === undefined ? base : { ...base, keysUrl };
        return { changes: [put(issuer)], outcome: issuer };
      }, by),
    async removeIssuer({ id }, by) {
      await ledger.removeAll((view) => {
        const issuer = find(view, "issuer", id);
        if (issuer === undefined) throw missing("issuer", { id });
        const trusts = view.trustsIn(id);
        const tokens = trusts.flatMap((trust) => view.recordsOfTrust(trust.id));
        return { first: [], removed: [...tokens, ...trusts], last: [remove(issuer)] };
      }, by);
      return {};
    },
    createTrust: (request, by) =>
      ledger.change((view) => {
        const { id, issuer, repository, role, claims, label } = request;
        if (find(view, "issuer", issuer) === undefined) throw missing("issuer", { id: issuer });
        const known = find(view, "trust", id);
        if (known?.repository === repository) return { changes: [], outcome: known };
        const reason = known === undefined ? trustProblem(claims) : "the id is in use";
        if (reason !== undefined) {
          throw new GitStratumError("invalid", "Reject a trust", { data: { reason } });
        }
        const records = view.recordsOfRepository(repository);
        checkCount(records, { kind: "trust", countMax: REPOSITORY_TRUST_COUNT_MAX });
        const createdAtMs = ledger.nowMs();
        const base = { kind: "trust", id, issuer, repository, role } as const;
        const trust: TrustRecord = { ...base, claims, label, createdAtMs };
        const touched = [recordKey(trust), repositoryKey(repository)];
        return { changes: [put(trust)], touched, outcome: trust };
      }, by),
    async removeTrust({ repository, id }, by) {
      await ledger.removeAll((view) => {
        const trust = find(view, "trust", id);
        if (trust?.repository !== repository) throw missing("trust", { repository, id });
        return { first: [], removed: view.recordsOfTrust(id), last: [remove(trust)] };
      }, by);
      return {};
    },
    createJobToken: (request, by) => addJobToken(ledger, request, by),
  };
}

/**
 * A burst of jobs does not wait for each other, nor do people who change accounts wait for them. So the
 * limit is not exact while many come at a time, and a token that is made while its trust is removed may
 * stay until it ends, worth nothing.
 */
async function addJobToken(
  ledger: AccessLedger,
  request: CreateJobTokenRequest,
  by: Provenance | undefined,
): Promise<JobTokenRecord> {
  const standsOn = `trust/${request.trust}` as RecordKey;
  const { token, isKnown } = await ledger.look(
    (view) => planJobToken(view, request, ledger.nowMs()),
  );
  if (isKnown || await ledger.insert(token, { standsOn, provenance: by })) {
    return token;
  }
  // Its trust is gone, or it is there from an earlier call.
  const again = await ledger.read((view) => planJobToken(view, request, ledger.nowMs()));
  if (again.isKnown) return again.token;
  throw new GitStratumError("unavailable", "Lose a race against another change of the trust");
}

function planJobToken(view: MemoryAccessView, request: CreateJobTokenRequest, nowMs: number) {
  const { id, hash, trust: trustId, subject, label, expiresAtMs } = request;
  const trust = find(view, "trust", trustId);
  if (trust === undefined) throw missing("trust", { id: trustId });
  const known = view.get(`job-token/${id}` as RecordKey);
  if (known?.kind === "job-token" && known.hash === hash) {
    return { token: known, isKnown: true };
  }
  checkNewHash(view, request);
  checkTimes(nowMs, request);
  if (known !== undefined || expiresAtMs > nowMs + JOB_TOKEN_LIFE_MS_MAX) {
    throw new GitStratumError("invalid", "Reject a token that lives too long or has no new id", {
      data: { lifeMsMax: JOB_TOKEN_LIFE_MS_MAX },
    });
  }
  const { repository, role } = trust;
  const living = view.recordsOfRepository(repository).filter((record) =>
    record.kind === "job-token" && record.expiresAtMs > nowMs
  );
  checkCount(living, { kind: "job-token", countMax: JOB_TOKEN_COUNT_MAX });
  const base = { kind: "job-token", id, hash, trust: trustId, repository, role } as const;
  const token: JobTokenRecord = { ...base, subject, label, createdAtMs: nowMs, expiresAtMs };
  return { token, isKnown: false };
}
