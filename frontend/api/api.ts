/**
 * Every operation of the management API by its id.
 *
 * @module
 */

import type { ApiOperation } from "./api_operation.ts";
import * as audit from "./audit_operations.ts";
import * as credentials from "./credential_operations.ts";
import * as deploy from "./deploy_operations.ts";
import * as jobs from "./job_operations.ts";
import * as members from "./member_operations.ts";
import * as life from "./repository_life_operations.ts";
import * as openPgpKeys from "./openpgp_key_operations.ts";
import * as repositories from "./repository_operations.ts";
import * as users from "./user_operations.ts";
import * as webhooks from "./webhook_operations.ts";

/** The operations. */
export const API = {
  listRepositories: repositories.listRepositories,
  createRepository: repositories.createRepository,
  getRepository: repositories.getRepository,
  updateRepository: repositories.updateRepository,
  deleteRepository: repositories.deleteRepository,
  renameRepository: life.renameRepository,
  forkRepository: life.forkRepository,
  getRepositoryUsage: life.getRepositoryUsage,
  listDeletedRepositories: life.listDeletedRepositories,
  restoreRepository: life.restoreRepository,
  purgeRepository: life.purgeRepository,
  getCaller: users.getCaller,
  listUsers: users.listUsers,
  createUser: users.createUser,
  getUser: users.getUser,
  updateUser: users.updateUser,
  deleteUser: users.deleteUser,
  listUserGrants: users.listUserGrants,
  listTokens: credentials.listTokens,
  createToken: credentials.createToken,
  deleteToken: credentials.deleteToken,
  listUserKeys: credentials.listUserKeys,
  addUserKey: credentials.addUserKey,
  deleteUserKey: credentials.deleteUserKey,
  listOpenPgpKeys: openPgpKeys.listOpenPgpKeys,
  addOpenPgpKey: openPgpKeys.addOpenPgpKey,
  deleteOpenPgpKey: openPgpKeys.deleteOpenPgpKey,
  listOwners: members.listOwners,
  createOwner: members.createOwner,
  deleteOwner: members.deleteOwner,
  listOwnerMembers: members.listOwnerMembers,
  setOwnerMember: members.setOwnerMember,
  deleteOwnerMember: members.deleteOwnerMember,
  listRepositoryMembers: members.listRepositoryMembers,
  setRepositoryMember: members.setRepositoryMember,
  deleteRepositoryMember: members.deleteRepositoryMember,
  listDeployKeys: deploy.listDeployKeys,
  addDeployKey: deploy.addDeployKey,
  deleteDeployKey: deploy.deleteDeployKey,
  listIssuers: deploy.listIssuers,
  createIssuer: deploy.createIssuer,
  deleteIssuer: deploy.deleteIssuer,
  listTrusts: deploy.listTrusts,
  createTrust: deploy.createTrust,
  deleteTrust: deploy.deleteTrust,
  exchangeToken: jobs.exchangeToken,
  listAuditEvents: audit.listAuditEvents,
  listRepositoryAuditEvents: audit.listRepositoryAuditEvents,
  listOwnerAuditEvents: audit.listOwnerAuditEvents,
  listRepositoryWebhooks: webhooks.listRepositoryWebhooks,
  createRepositoryWebhook: webhooks.createRepositoryWebhook,
  updateRepositoryWebhook: webhooks.updateRepositoryWebhook,
  deleteRepositoryWebhook: webhooks.deleteRepositoryWebhook,
  listRepositoryDeliveries: webhooks.listRepositoryDeliveries,
  replayRepositoryDelivery: webhooks.replayRepositoryDelivery,
  listOwnerWebhooks: webhooks.listOwnerWebhooks,
  createOwnerWebhook: webhooks.createOwnerWebhook,
  updateOwnerWebhook: webhooks.updateOwnerWebhook,
  deleteOwnerWebhook: webhooks.deleteOwnerWebhook,
  listOwnerDeliveries: webhooks.listOwnerDeliveries,
  replayOwnerDelivery: webhooks.replayOwnerDelivery,
} as const satisfies Readonly<Record<string, ApiOperation>>;

/** Names an operation. */
export type ApiOperationId = keyof typeof API;

/** The path under which all of them are. */
export const API_BASE_PATH = "/api/v1";
