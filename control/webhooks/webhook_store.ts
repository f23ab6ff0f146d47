/**
 * Webhooks in the consensus store, written by control nodes.
 *
 * A change compares the head of all webhooks, so the limits hold whoever else writes, and carries its
 * entry of the audit trail. What a call finds done already, it takes for its own earlier attempt. One with
 * a basis is done only while nobody touched its webhook since (`core/rpc/control_basis.ts`).
 *
 * @module
 */

import {
  type Clock,
  GitStratumError,
  WEBHOOK_COUNT_MAX,
  WEBHOOK_TARGET_COUNT_MAX,
} from "@gitstratum/core";
import type { Change, Consensus, Revision } from "@gitstratum/core/consensus";
import {
  type ChangeWebhookRequest,
  type CreateWebhookRequest,
  isSameTarget,
  type SecretWebhook,
  shownWebhook,
  type Webhook,
  WEBHOOK_HEAD_KEY,
  type WebhookId,
  webhookKey,
  type WebhookListQuery,
  WebhookRegistry,
  type WebhookRequest,
  type Webhooks,
} from "@gitstratum/core/rpc";
import type { AccountAct, AccountAudit } from "../audit/account_audit.ts";
import { outOfDate, removalMarks, untouchedSince } from "../removal_marks.ts";
import { encodeJson } from "../stored_json.ts";

/** The head alone. */
const HEAD = { from: WEBHOOK_HEAD_KEY, to: `${WEBHOOK_HEAD_KEY}.` };
/** Rounds against others who change webhooks at the same time. */
const ROUND_COUNT_MAX = 50;

/** What is to happen to one webhook. */
interface Plan {
  /** Absent for none. */
  readonly change?: Change & { readonly kind: "put" | "delete" };
  readonly act?: AccountAct;
  readonly outcome: Webhook;
}

/** {@link Webhooks} over a store. */
export class WebhookStore implements Webhooks {
  readonly #consensus: Consensus;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #audit: AccountAudit;
  readonly #registry: WebhookRegistry;

  /** Keeps webhooks in `consensus`. */
  constructor(
    consensus: Consensus,
    options: { readonly clock: Pick<Clock, "nowMs">; readonly audit: AccountAudit },
  ) {
    this.#consensus = consensus;
    this.#clock = options.clock;
    this.#audit = options.audit;
    this.#registry = new WebhookRegistry(consensus);
  }

  /** {@inheritDoc Webhooks.create} */
  create({ provenance, basis, ...request }: CreateWebhookRequest): Promise<Webhook> {
    return this.#change(basis, (webhooks) => {
      const known = webhooks.find(({ id }) => id === request.id);
      if (known !== undefined) return { outcome: shownWebhook(known) };
      checkRoom(webhooks, request);
      const webhook = { ...request, createdAtMs: Math.floor(this.#clock.nowMs()) };
      return { ...put(webhook), act: act("webhook-created", webhook, { provenance }) };
    });
  }

  /** {@inheritDoc Webhooks.change} */
  change({ provenance, basis, id, ...changes }: ChangeWebhookRequest): Promise<Webhook> {
    return this.#change(basis, (webhooks) => {
      const known = found(webhooks, id);
      const webhook = { ...known, ...changes };
      if (JSON.stringify(webhook) === JSON.stringify(known)) {
        return { outcome: shownWebhook(known) };
      }
      const changed = Object.keys(changes);
      return { ...put(webhook), act: act("webhook-changed", webhook, { provenance, changed }) };
    });
  }

  /** {@inheritDoc Webhooks.remove} */
  async remove({ id, provenance, basis }: WebhookRequest): Promise<void> {
    await this.#change(basis, (webhooks) => {
      const known = found(webhooks, id);
      return {
        change: { kind: "delete", key: webhookKey(id) },
        act: act("webhook-removed", known, { provenance }),
        outcome: shownWebhook(known),
      };
    });
  }

  /** A revision that all changes have which were acknowledged before. @throws `unavailable` */
  async basis(): Promise<Revision> {
    return (await this.#consensus.range(HEAD, { limit: 1 })).revision;
  }

  /** {@inheritDoc Webhooks.find} */
  async find({ id }: WebhookRequest): Promise<Webhook> {
    return shownWebhook(found((await this.#registry.current()).webhooks, id));
  }

  /** {@inheritDoc Webhooks.list} */
  async list({ target, after = "" as WebhookId, limit }: WebhookListQuery): Promise<Webhook[]> {
    const { webhooks } = await this.#registry.current();
    return webhooks
      .filter((webhook) => target === undefined || isSameTarget(webhook.target, target))
      .filter(({ id }) => id > after).slice(0, limit).map(shownWebhook);
  }

  async #change(
    basis: Revision | undefined,
    plan: (webhooks: readonly SecretWebhook[]) => Plan,
  ): Promise<Webhook> {
    let refusedHead: Revision | undefined;
    for (let round = 0; round < ROUND_COUNT_MAX; round++) {
      const { headRevision, webhooks } = await this.#registry.current();
      const { change, act, outcome } = plan(webhooks);
      if (change === undefined) return outcome;
      // The head is what it was, so another condition did not hold.
      if (headRevision === refusedHead) throw outOfDate(basis!);
      const key = WEBHOOK_HEAD_KEY;
      const { succeeded } = await this.#consensus.transact({
        compares: [
          { key, target: "modRevision", operator: "=", value: headRevision },
          ...(basis === undefined ? [] : untouchedSince(basis, [change.key])),
        ],
        then: [
          { kind: "put", key, value: encodeJson({}) },
          change,
          ...(change.kind === "delete" ? removalMarks([change.key]) : []),
          ...this.#audit.changes(act === undefined ? [] : [act]),
        ],
      });
      if (succeeded) return outcome;
      refusedHead = headRevision;
    }
    throw new GitStratumError("unavailable", "Meet too many others who change webhooks");
  }
}

function put(webhook: SecretWebhook): Pick<Plan, "change" | "outcome"> {
  const change = { kind: "put", key: webhookKey(webhook.id), value: encodeJson(webhook) } as const;
  return { change, outcome: shownWebhook(webhook) };
}

function found(webhooks: readonly SecretWebhook[], id: WebhookId): SecretWebhook {
  const webhook = webhooks.find((one) => one.id === id);
  if (webhook !== undefined) return webhook;
  throw new GitStratumError("not-found", "Find no such webhook", { data: { id } });
}

function checkRoom(webhooks: readonly SecretWebhook[], { target }: Pick<Webhook, "target">): void {
  const count = webhooks.filter((webhook) => isSameTarget(webhook.target, target)).length;
  if (count < WEBHOOK_TARGET_COUNT_MAX && webhooks.length < WEBHOOK_COUNT_MAX) return;
  throw new GitStratumError("exhausted", "Have too many webhooks", {
    data: {
      count,
      countMax: WEBHOOK_TARGET_COUNT_MAX,
      ofServer: webhooks.length,
      ofServerMax: WEBHOOK_COUNT_MAX,
    },
  });
}

/** What the trail says; of the URL the path may be a secret, so only its origin. */
function act(
  kind: string,
  webhook: Webhook,
  facts: {
    readonly provenance: WebhookRequest["provenance"] | undefined;
    readonly changed?: readonly string[];
  },
): AccountAct {
  const { target, id, url, events, active } = webhook;
  return {
    kind,
    ...(target.kind === "owner" ? { owner: target.owner } : {}),
    provenance: facts.provenance,
    details: {
      webhookId: id,
      target,
      origin: new URL(url).origin,
      events,
      active,
      ...(facts.changed === undefined ? {} : { changed: facts.changed }),
    },
  };
}
