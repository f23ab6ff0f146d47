/**
 * Answers what is asked about the machines that use a repository.
 *
 * @module
 */

import type { z } from "zod";
import type { DeployKeyRecord, IssuerRecord, TrustRecord } from "@gitstratum/core/access";
import type { Accounts } from "./accounts.ts";
import type { ApiHandlersOf } from "./api_handler.ts";
import type { deployKeySchema, issuerSchema, trustSchema } from "./deploy_operations.ts";
import { shownPeriod, shownTime } from "./values.ts";

type DeployKeyOperationId = "listDeployKeys" | "addDeployKey" | "deleteDeployKey";
type IssuerOperationId = "listIssuers" | "createIssuer" | "deleteIssuer";
type TrustOperationId = "listTrusts" | "createTrust" | "deleteTrust";

/** The handlers. */
export function deployHandlers(
  accounts: Accounts,
): ApiHandlersOf<DeployKeyOperationId | IssuerOperationId | TrustOperationId> {
  return {
    ...deployKeyHandlers(accounts),
    ...issuerHandlers(accounts),
    ...trustHandlers(accounts),
  };
}

function deployKeyHandlers(accounts: Accounts): ApiHandlersOf<DeployKeyOperationId> {
  return {
    async listDeployKeys({ query, repository: { repositoryId: repository } }) {
      const { entries: keys, ...rest } = await accounts.page(query, `deploy ${repository}`, {
        list: (page) => accounts.calls.listDeployKeys({ ...page, repository }),
        shown: shownDeployKey,
      });
      return { keys, ...rest };
    },
    async addDeployKey({ body, repository, provenance }) {
      const { key, role, label, expiresAt } = body;
      const record = await accounts.by(provenance).calls.addDeployKey({
        id: accounts.client.newRecordId(),
        repository: repository.repositoryId,
        key,
        role,
        ...(label === undefined ? {} : { label }),
        ...(expiresAt === undefined ? {} : { expiresAtMs: expiresAt }),
      });
      return shownDeployKey(record);
    },
    async deleteDeployKey({ path: { id }, repository: { repositoryId: repository }, provenance }) {
      await accounts.by(provenance).calls.removeDeployKey({ repository, id });
    },
  };
}

function issuerHandlers(accounts: Accounts): ApiHandlersOf<IssuerOperationId> {
  return {
    async listIssuers({ query }) {
      const list = accounts.calls.listIssuers;
      const { entries: issuers, ...rest } = await accounts.page(query, "issuers", {
        list,
        shown: shownIssuer,
      });
      return { issuers, ...rest };
    },
    async createIssuer({ body: { url, audience, keysUrl }, provenance }) {
      const id = accounts.client.newRecordId();
      const record = await accounts.by(provenance).calls.createIssuer({
        id,
        url,
        audience,
        ...(keysUrl === undefined ? {} : { keysUrl }),
      });
      return shownIssuer(record);
    },
    async deleteIssuer({ path: { id }, provenance }) {
      await accounts.by(provenance).calls.removeIssuer({ id });
    },
  };
}

function trustHandlers(accounts: Accounts): ApiHandlersOf<TrustOperationId> {
  return {
    async listTrusts({ query, repository: { repositoryId: repository } }) {
      const { entries: trusts, ...rest } = await accounts.page(query, `trusts ${repository}`, {
        list: (page) => accounts.calls.listTrusts({ ...page, repository }),
        shown: shownTrust,
      });
      return { trusts, ...rest };
    },
    async createTrust({ body, repository, provenance }) {
      const id = accounts.client.newRecordId();
      const request = { ...body, id, repository: repository.repositoryId };
      return shownTrust(await accounts.by(provenance).calls.createTrust(request));
    },
    async deleteTrust({ path: { id }, repository: { repositoryId: repository }, provenance }) {
      await accounts.by(provenance).calls.removeTrust({ repository, id });
    },
  };
}

function shownDeployKey(record: DeployKeyRecord): z.output<typeof deployKeySchema> {
  const { id, label, type, blob: key, fingerprint, role } = record;
  return { id, label, type, key, fingerprint, role, ...shownPeriod(record) };
}

function shownIssuer(issuer: IssuerRecord): z.output<typeof issuerSchema> {
  const { id, url, audience, keysUrl, createdAtMs } = issuer;
  return {
    id,
    url,
    audience,
    ...(keysUrl === undefined ? {} : { keysUrl }),
    createdAt: shownTime(createdAtMs),
  };
}

function shownTrust(trust: TrustRecord): z.output<typeof trustSchema> {
  const { id, issuer, role, claims, label, createdAtMs } = trust;
  return {
    id,
    issuer,
    role,
    claims: claims.map((rule) => ({ ...rule })),
    label,
    createdAt: shownTime(createdAtMs),
  };
}
