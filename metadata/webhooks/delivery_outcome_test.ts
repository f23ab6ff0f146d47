import { deepEqual, equal, ok } from "node:assert/strict";
import { SeededRandom } from "@gitstratum/core";
import type { WebhookDelivery, WebhookDeliveryId, WebhookId } from "@gitstratum/core/rpc";
import { afterAttempt, DEFAULT_RETRY_POLICY, retryPauseMs } from "./delivery_outcome.ts";

const DELIVERY: WebhookDelivery = {
  id: "1" as WebhookDeliveryId,
  webhookId: "2" as WebhookId,
  event: "push",
  lsn: 3,
  eventAtMs: 4,
  state: "waiting",
  attempts: 0,
  nextAtMs: 5,
};
const context = { nowMs: 1000.5, random: new SeededRandom(1), policy: DEFAULT_RETRY_POLICY };
const { nextAtMs: _, ...rest } = DELIVERY;

Deno.test("afterAttempt() takes every 2xx for a delivery, and nothing else", () => {
  for (const status of [200, 204, 299]) {
    deepEqual(afterAttempt(DELIVERY, { kind: "answered", status }, context), {
      ...rest,
      state: "delivered",
      attempts: 1,
      lastAtMs: 1000,
      status,
    });
  }
  for (const status of [101, 199, 300, 301, 404, 410, 429, 500, 599, 0]) {
    equal(afterAttempt(DELIVERY, { kind: "answered", status }, context).state, "waiting");
  }
});

Deno.test("afterAttempt() gives up after so many attempts, or at once when it is hopeless", () => {
  const { attemptCountMax } = DEFAULT_RETRY_POLICY;
  const failed = { kind: "failed", reason: "r".repeat(1000) } as const;
  let delivery = DELIVERY;
  for (let attempt = 1; attempt < attemptCountMax; attempt++) {
    delivery = afterAttempt(delivery, failed, context);
    deepEqual([delivery.state, delivery.attempts, delivery.reason?.length], [
      "waiting",
      attempt,
      500,
    ]);
  }
  delivery = afterAttempt(delivery, failed, context);
  deepEqual([delivery.state, delivery.nextAtMs], ["dead", undefined]);
  equal(afterAttempt(DELIVERY, { kind: "hopeless", reason: "no" }, context).state, "dead");
});

Deno.test("retryPauseMs() doubles up to its limit, with up to half of it by lot", () => {
  const { pauseMs, pauseMsMax, attemptCountMax } = DEFAULT_RETRY_POLICY;
  let wholeMs = 0;
  for (let attempts = 1; attempts < attemptCountMax; attempts++) {
    const longest = Math.min(pauseMs * 2 ** (attempts - 1), pauseMsMax);
    const pauses = Array.from({ length: 100 }, () => retryPauseMs(attempts, context));
    ok(pauses.every((ms) => ms >= longest / 2 && ms <= longest));
    ok(new Set(pauses).size > 20);
    wholeMs += longest;
  }
  ok(wholeMs > 2 * 3600 * 1000 && wholeMs < 3 * 3600 * 1000);
});
