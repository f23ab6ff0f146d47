/**
 * The services of events in a cluster: webhooks at any control node, deliveries at the primaries, the
 * audit trail at both.
 *
 * @module
 */

import {
  AuditClient,
  type ChangeBasis,
  CONTROL_AUDIT_PATH,
  type ControlFailover,
  MergedAuditTrail,
  type PartitionRouterOptions,
  RoutedAuditTrail,
  RoutedDeliveries,
  WebhookClient,
} from "@gitstratum/core/rpc";
import type { EventGround } from "./event_ground.ts";

/** Makes clients of them; nothing is sent yet. */
export function clusterEvents(
  control: ControlFailover,
  routing: PartitionRouterOptions,
): EventGround {
  const webhooksOf = <T>(call: (webhooks: WebhookClient) => Promise<T>): Promise<T> =>
    control.ask(({ fetcher, baseUrl }) => call(new WebhookClient(fetcher, { baseUrl })));
  // One for all attempts of a call, so that at most one of them does something.
  const based = async <T extends ChangeBasis>(request: T): Promise<T> => ({
    ...await webhooksOf((webhooks) => webhooks.basis()),
    ...request,
  });
  const accounts = {
    query: (query: Parameters<AuditClient["query"]>[0]) =>
      control.ask(({ fetcher, baseUrl }) =>
        new AuditClient(fetcher, { path: CONTROL_AUDIT_PATH, baseUrl }).query(query)
      ),
  };
  return {
    audit: new MergedAuditTrail([new RoutedAuditTrail(routing), accounts]),
    webhooks: {
      async create(request) {
        const sent = await based(request);
        return await webhooksOf((webhooks) => webhooks.create(sent));
      },
      async change(request) {
        const sent = await based(request);
        return await webhooksOf((webhooks) => webhooks.change(sent));
      },
      async remove(request) {
        const sent = await based(request);
        return await webhooksOf((webhooks) => webhooks.remove(sent));
      },
      find: (request) => webhooksOf((webhooks) => webhooks.find(request)),
      list: (query) => webhooksOf((webhooks) => webhooks.list(query)),
    },
    deliveries: new RoutedDeliveries(routing),
  };
}
