/**
 * Webhooks as they are stored in the consensus store.
 *
 * | key | value |
 * | --- | --- |
 * | `webhooks/head` | `{}`; rewritten with each change of any webhook |
 * | `webhooks/hooks/ID` | the webhook with its secret |
 *
 * A reader asks for the head alone, linearizably, and reads the rest only after a change: so whoever
 * looks after an event was committed sees every webhook that was made before it.
 *
 * @module
 */

import { type Consensus, prefixRange } from "../../consensus/consensus.ts";
import { GitStratumError } from "../../error.ts";
import { type SecretWebhook, secretWebhookSchema } from "./webhook.ts";

/** Rewritten with each change of any webhook. */
export const WEBHOOK_HEAD_KEY = "webhooks/head";
const PREFIX = "webhooks/hooks/";

/** The key of a webhook. */
export function webhookKey(id: string): string {
  return `${PREFIX}${id}`;
}

/** All webhooks at one revision. */
export interface WebhookSet {
  /** `modRevision` of the head; 0 before the first webhook. */
  readonly headRevision: number;
  /** In the order of their ids. */
  readonly webhooks: readonly SecretWebhook[];
}

/** Reads all webhooks, and again only what changed. */
export class WebhookRegistry {
  readonly #consensus: Pick<Consensus, "get" | "range">;
  #known: WebhookSet = { headRevision: 0, webhooks: [] };

  /** Reads from a store. */
  constructor(consensus: Pick<Consensus, "get" | "range">) {
    this.#consensus = consensus;
  }

  /** The webhooks of this moment. @throws `unavailable`; `corrupt` for a damaged one */
  async current(): Promise<WebhookSet> {
    const head = await this.#consensus.get(WEBHOOK_HEAD_KEY);
    const headRevision = head?.modRevision ?? 0;
    if (headRevision === this.#known.headRevision) return this.#known;
    // What is read may be newer than the head: then the next look finds a newer head and reads again.
    const { entries } = await this.#consensus.range(prefixRange(PREFIX));
    const webhooks = entries.map(({ key, value }) => decoded(key, value));
    return this.#known = { headRevision, webhooks };
  }
}

function decoded(key: string, value: Uint8Array): SecretWebhook {
  try {
    return secretWebhookSchema.parse(JSON.parse(new TextDecoder().decode(value)));
  } catch (cause) {
    throw new GitStratumError("corrupt", "Read a damaged webhook", { data: { key }, cause });
  }
}
