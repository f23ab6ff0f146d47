/**
 * The services of events in a cluster: webhooks at any control node, deliveries at the primaries, the
 * audit trail at both.
 *
 * @module
 */

import {
  AuditClient,
  CONTROL_AUDIT_PATH,
  type ControlFailover,
  MergedAuditTrail,
  type PartitionRouterOptions,
  RoutedAuditTrail,
  RoutedDeliveries,
  WebhookClient,
  type Webhooks,
} from "@gitstratum/core/rpc";
import type { EventGround } from "./event_ground.ts";

/** Makes clients of them; nothing is sent yet. */
export function clusterEvents(
  control: ControlFailover,
  routing: PartitionRouterOptions,
): EventGround {
  const webhooksOf = <T>(call: (webhooks: Webhooks) => Promise<T>): Promise<T> =>
    control.ask(({ fetcher, baseUrl }) => call(new WebhookClient(fetcher, { baseUrl })));
  const accounts = {
    query: (query: Parameters<AuditClient["query"]>[0]) =>
      control.ask(({ fetcher, baseUrl }) =>
        new AuditClient(fetcher, { path: CONTROL_AUDIT_PATH, baseUrl }).query(query)
      ),
  };
  return {
    audit: new MergedAuditTrail([new RoutedAuditTrail(routing), accounts]),
    webhooks: {
      create: (request) => webhooksOf((webhooks) => webhooks.create(request)),
      change: (request) => webhooksOf((webhooks) => webhooks.change(request)),
      remove: (request) => webhooksOf((webhooks) => webhooks.remove(request)),
      find: (request) => webhooksOf((webhooks) => webhooks.find(request)),
      list: (query) => webhooksOf((webhooks) => webhooks.list(query)),
    },
    deliveries: new RoutedDeliveries(routing),
  };
}
