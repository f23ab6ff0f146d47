/**
 * Answers what is asked about webhooks.
 *
 * @module
 */

import type { AccountName } from "@gitstratum/core/access";
import type { RepositoryInfo, WebhookTarget } from "@gitstratum/core/rpc";
import type { ApiHandlersOf } from "./api_handler.ts";
import type { WebhookDesk } from "./webhook_desk.ts";

type RepositoryWebhookOperationId =
  | "listRepositoryWebhooks"
  | "createRepositoryWebhook"
  | "updateRepositoryWebhook"
  | "deleteRepositoryWebhook"
  | "listRepositoryDeliveries"
  | "replayRepositoryDelivery";
type OwnerWebhookOperationId =
  | "listOwnerWebhooks"
  | "createOwnerWebhook"
  | "updateOwnerWebhook"
  | "deleteOwnerWebhook"
  | "listOwnerDeliveries"
  | "replayOwnerDelivery";

/** The handlers. */
export function webhookHandlers(
  desk: WebhookDesk,
): ApiHandlersOf<RepositoryWebhookOperationId | OwnerWebhookOperationId> {
  return { ...repositoryHandlers(desk), ...ownerHandlers(desk) };
}

function repositoryHandlers(desk: WebhookDesk): ApiHandlersOf<RepositoryWebhookOperationId> {
  const of = ({ repositoryId }: RepositoryInfo): WebhookTarget => ({
    kind: "repository",
    repositoryId,
  });
  return {
    listRepositoryWebhooks: ({ repository, query }) => desk.list(of(repository), query),
    createRepositoryWebhook: ({ repository, body, provenance }) =>
      desk.create(of(repository), body, provenance),
    updateRepositoryWebhook: ({ repository, path, body, provenance }) =>
      desk.change(of(repository), path.id, { ...body, provenance }),
    deleteRepositoryWebhook: ({ repository, path, provenance }) =>
      desk.remove(of(repository), path.id, provenance),
    listRepositoryDeliveries: ({ repository, path, query }) =>
      desk.deliveries(of(repository), path.id, query),
    replayRepositoryDelivery: ({ repository, path }) =>
      desk.replay(of(repository), path.id, path.delivery),
  };
}

function ownerHandlers(desk: WebhookDesk): ApiHandlersOf<OwnerWebhookOperationId> {
  const of = ({ owner }: { readonly owner: AccountName }): WebhookTarget => ({
    kind: "owner",
    owner,
  });
  return {
    listOwnerWebhooks: ({ path, query }) => desk.list(of(path), query),
    createOwnerWebhook: ({ path, body, provenance }) => desk.create(of(path), body, provenance),
    updateOwnerWebhook: ({ path, body, provenance }) =>
      desk.change(of(path), path.id, { ...body, provenance }),
    deleteOwnerWebhook: ({ path, provenance }) => desk.remove(of(path), path.id, provenance),
    listOwnerDeliveries: ({ path, query }) => desk.deliveries(of(path), path.id, query),
    replayOwnerDelivery: ({ path }) => desk.replay(of(path), path.id, path.delivery),
  };
}
