/**
 * The way out of simulated nodes to those whom webhooks tell.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { Consensus } from "@gitstratum/core/consensus";
import type { Egress } from "@gitstratum/core/egress";
import {
  type Fetcher,
  type SecretWebhook,
  WEBHOOK_HEAD_KEY,
  type WebhookId,
  webhookKey,
} from "@gitstratum/core/rpc";

const WEBHOOK_ID = "0".repeat(32) as WebhookId;

/** Posts over the simulated network. */
export function webhookEgress(fetcher: Fetcher): Egress {
  return {
    async post({ url, headers, body, signal }) {
      try {
        const init = { method: "POST", headers, body: body.slice(), signal };
        const response = await fetcher(new Request(url, init));
        return { status: response.status, body: await response.bytes() };
      } catch (cause) {
        const code = signal.aborted ? "aborted" : "unavailable";
        throw new GitStratumError(code, "Reach nobody who is to be told", { cause });
      }
    },
  };
}

/** Has a host told of every push to an owner's repositories, from before the beginning. */
export async function addWebhook(store: Consensus, owner: string, host: string): Promise<void> {
  const webhook: SecretWebhook = {
    id: WEBHOOK_ID,
    target: { kind: "owner", owner },
    url: `http://${host}/`,
    events: ["push"],
    active: true,
    createdAtMs: 0,
    secret: "a secret of the simulation",
  };
  const encoded = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  await store.transact({
    compares: [],
    then: [
      { kind: "put", key: WEBHOOK_HEAD_KEY, value: encoded({}) },
      { kind: "put", key: webhookKey(WEBHOOK_ID), value: encoded(webhook) },
    ],
  });
}
