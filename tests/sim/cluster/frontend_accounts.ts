/**
 * Accounts of a simulated frontend: the real view of them, which follows a control node, and the real
 * way to change them.
 *
 * @module
 */

import { ControlFailover, JsonClient } from "@gitstratum/core/rpc";
import { AccessClient, AccessWatcher } from "@gitstratum/core/rpc/access";
import { PrometheusMetrics } from "@gitstratum/core/metrics";
import type { FrontendAccounts } from "@gitstratum/frontend";
import { RecordAuthenticator } from "../../../frontend/access/authenticator.ts";
import type { Mutation } from "../faults/mutation.ts";
import { CONTROL_IDS } from "./cluster_membership.ts";
import type { SimGround } from "./sim_node.ts";

/** Opens what a frontend knows of accounts; it knows nothing yet. */
export function openFrontendAccounts(ground: SimGround, mutation: Mutation): FrontendAccounts {
  const { clock, random, logger, fetchers } = ground;
  const urls = CONTROL_IDS.map((id) => `http://${id}`);
  const common = { urls, fetcher: fetchers.signed, clock, random };
  const watcher = new AccessWatcher({ ...common, logger });
  watcher.open();
  const control = new ControlFailover({
    ...common,
    fetcher: mutation.accountsFetcher(common.fetcher),
  });
  const client = new AccessClient({
    route: (call) =>
      control.ask(({ fetcher, baseUrl }) => call(new JsonClient(fetcher, { baseUrl }))),
    view: watcher.view,
    clock,
    random,
  });
  const view = mutation.accountsView(watcher.view);
  const metrics = new PrometheusMetrics();
  return { view, client, authenticator: new RecordAuthenticator({ view, clock, metrics }) };
}
