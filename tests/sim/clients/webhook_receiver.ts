/**
 * Whoever is told of pushes by webhooks: refuses now and then, and remembers what it took.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import type { RunRecord } from "../checks/run_record.ts";
import type { SimNetwork } from "../world/sim_network.ts";
import { SimProcess } from "../world/sim_process.ts";

/** Its host. */
export const RECEIVER_HOST = "receiver";

/** The part of a delivery that is looked at. */
interface Told {
  readonly changes?: readonly { readonly reference: string; readonly new: string | null }[];
}

/** A receiver. */
export class WebhookReceiver {
  readonly #record: RunRecord;
  readonly #random: SeededRandom;
  /** Bodies by the ids of deliveries. */
  readonly #bodies = new Map<string, string>();
  /** New values of references of which it was told. */
  readonly #told = new Set<string>();

  /** Listens on a host of its own. */
  constructor(network: SimNetwork, parts: { record: RunRecord; random: SeededRandom }) {
    this.#record = parts.record;
    this.#random = parts.random;
    const machine = { wallOffsetMs: 0, rate: 1 };
    const process = new SimProcess(RECEIVER_HOST, { loop: network.loop, machine });
    const service = { fetch: (request: Request) => this.#take(request) };
    network.add({ name: RECEIVER_HOST, clock: machine, listener: { process, service } });
  }

  /** Acknowledged pushes that it was not told of. */
  missing(): readonly string[] {
    return this.#record.acknowledgedTips().filter((tip) => !this.#told.has(tip));
  }

  async #take(request: Request): Promise<Response> {
    const body = await request.text();
    if (this.#random.chance(0.15)) return new Response(null, { status: 500 });
    const id = request.headers.get("x-gitstratum-delivery") ?? "";
    const known = this.#bodies.get(id);
    if (known !== undefined && known !== body) {
      this.#record.violate("webhooks", `Delivery ${id} has two bodies: ${known} and ${body}`);
    }
    this.#bodies.set(id, body);
    for (const change of (JSON.parse(body) as Told).changes ?? []) {
      if (change.new !== null) this.#told.add(change.new);
    }
    return new Response(null, { status: 204 });
  }
}
