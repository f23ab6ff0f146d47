/**
 * What becomes of a delivery after an attempt: taken, to be tried again later, or given up.
 *
 * @module
 */

import { type Random, WEBHOOK_ATTEMPT_COUNT_MAX } from "@gitstratum/core";
import type { WebhookDelivery } from "@gitstratum/core/rpc";

/** How an attempt went. */
export type AttemptOutcome =
  | { readonly kind: "answered"; readonly status: number }
  /** No answer; another attempt may get one. */
  | { readonly kind: "failed"; readonly reason: string }
  /** Another attempt would fare no better. */
  | { readonly kind: "hopeless"; readonly reason: string };

/** How often, and after how long, deliveries are tried again. */
export interface RetryPolicy {
  /** Pause after the first failure; doubled after each further one. Milliseconds. */
  readonly pauseMs: number;
  /** Longest pause in milliseconds. */
  readonly pauseMsMax: number;
  /** Attempts before a delivery is given up. */
  readonly attemptCountMax: number;
}

/** 5 s, 10 s, 20 s, … 1 h: some two hours in all. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  pauseMs: 5000,
  pauseMsMax: 3600 * 1000,
  attemptCountMax: WEBHOOK_ATTEMPT_COUNT_MAX,
};

/** A delivery after an attempt at a wall time. */
export function afterAttempt(
  delivery: WebhookDelivery,
  outcome: AttemptOutcome,
  context: { readonly nowMs: number; readonly random: Random; readonly policy: RetryPolicy },
): WebhookDelivery {
  const { nowMs, policy } = context;
  const attempts = delivery.attempts + 1;
  const { id, webhookId, event, lsn, eventAtMs } = delivery;
  const base = { id, webhookId, event, lsn, eventAtMs, attempts, lastAtMs: Math.floor(nowMs) };
  const said = outcome.kind === "answered"
    ? { status: outcome.status }
    : { reason: outcome.reason.slice(0, 500) };
  if (outcome.kind === "answered" && outcome.status >= 200 && outcome.status < 300) {
    return { ...base, ...said, state: "delivered" };
  }
  if (outcome.kind === "hopeless" || attempts >= policy.attemptCountMax) {
    return { ...base, ...said, state: "dead" };
  }
  const nextAtMs = Math.floor(nowMs) + retryPauseMs(attempts, context);
  return { ...base, ...said, state: "waiting", nextAtMs };
}

/** The pause after so many attempts: between half and the whole of the doubled one. */
export function retryPauseMs(
  attempts: number,
  { policy, random }: { readonly policy: RetryPolicy; readonly random: Random },
): number {
  const longest = Math.min(policy.pauseMs * 2 ** Math.max(attempts - 1, 0), policy.pauseMsMax);
  return Math.round(longest * (0.5 + random.bytes(1)[0]! / 510));
}
