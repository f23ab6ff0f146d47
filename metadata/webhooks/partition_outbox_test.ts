import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import type { Lsn } from "@gitstratum/core/consensus";
import type { WebhookDelivery, WebhookDeliveryId, WebhookId } from "@gitstratum/core/rpc";
import { PartitionOutbox } from "./partition_outbox.ts";

function delivery(lsn: number, hook: number): WebhookDelivery {
  return {
    id: `${lsn}/${hook}` as WebhookDeliveryId,
    webhookId: String(hook) as WebhookId,
    event: "push",
    lsn,
    eventAtMs: lsn,
    state: "waiting",
    attempts: 0,
  };
}

const at = (lsn: number) => lsn as Lsn;

Deno.test("PartitionOutbox holds the cursor before what has no outcome", () => {
  const outbox = new PartitionOutbox(at(10));
  equal(outbox.take(), undefined);
  const [first, second] = [delivery(11, 1), delivery(12, 1)];
  outbox.begin(first, false);
  outbox.begin(second, false);
  outbox.scanned = at(12);
  outbox.note(second);
  ok(outbox.holds(first.id) && outbox.holds(second.id));
  const notes = outbox.take()!;
  deepEqual(notes, { cursor: 10, deliveries: [second] });
  equal(outbox.take(), undefined, "one record at a time");
  outbox.untold();
  outbox.note(first);
  const again = outbox.take()!;
  deepEqual(again, { cursor: 12, deliveries: [second, first] });
  outbox.told(again);
  ok(!outbox.holds(first.id));
  equal(outbox.take(), undefined);
});

Deno.test("PartitionOutbox tells the log now and then of acts that nobody wants", () => {
  const outbox = new PartitionOutbox(at(0));
  outbox.scanned = at(999);
  equal(outbox.take(), undefined);
  outbox.scanned = at(1000);
  deepEqual(outbox.take(), { cursor: 1000, deliveries: [] });
});

Deno.test("PartitionOutbox never lets the cursor pass a delivery that the log does not have", () => {
  const step = fc.constantFrom("scan", "finish", "take", "told", "untold");
  fc.assert(fc.property(fc.array(fc.tuple(step, fc.nat()), { maxLength: 200 }), (steps) => {
    const outbox = new PartitionOutbox(at(0));
    const flying: WebhookDelivery[] = [];
    const inLog = new Set<string>();
    const begun: WebhookDelivery[] = [];
    let taken: ReturnType<PartitionOutbox["take"]>;
    let cursor = 0;
    for (const [name, number] of steps) {
      if (name === "scan") {
        const lsn = outbox.scanned + 1;
        for (let hook = 0; hook < number % 3; hook++) {
          const one = delivery(lsn, hook);
          begun.push(one);
          // Some find no room and are put off at once.
          if (number % 5 === 0) outbox.note(one);
          else {
            outbox.begin(one, false);
            flying.push(one);
          }
        }
        outbox.scanned = at(lsn);
      } else if (name === "finish" && flying.length > 0) {
        outbox.note(flying.splice(number % flying.length, 1)[0]!);
      } else if (name === "take") {
        taken = outbox.take() ?? taken;
      } else if (taken !== undefined) {
        if (name === "told") {
          for (const { id } of taken.deliveries) inLog.add(id);
          ok(taken.cursor >= cursor);
          cursor = taken.cursor;
          outbox.told(taken);
        } else outbox.untold();
        taken = undefined;
      }
      for (const { lsn, id } of begun) ok(lsn > cursor || inLog.has(id));
    }
  }));
});
