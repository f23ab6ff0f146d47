/**
 * A way out that leads to receivers in the same process.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { Egress, EgressAnswer, EgressRequest } from "@gitstratum/core/egress";

/** A request as its receiver sees it. */
export interface Received {
  readonly host: string;
  readonly id: string;
  readonly event: string;
  readonly attempt: string;
  readonly signature: string;
  readonly body: Uint8Array;
  /** The body. */
  readonly value: {
    readonly event: string;
    readonly repository: { readonly name: string };
    readonly actor: Readonly<Record<string, string>>;
    readonly changes?: readonly { readonly reference: string }[];
    readonly changeCount?: number;
    readonly action?: string;
  };
}

/** How a receiver answers: with a status, or not at all. */
export type Behaviour = (request: Received) => number | "hangs" | "breaks" | "denied";

/** Keeps what was sent, and answers as hosts are told to. */
export class RecordingEgress implements Egress {
  readonly received: Received[] = [];
  readonly behaviours = new Map<string, Behaviour>();
  /** Requests at a time, by host. */
  readonly running = new Map<string, number>();
  runningMax = 0;

  /** {@inheritDoc Egress.post} */
  async post(request: EgressRequest): Promise<EgressAnswer> {
    const { host } = new URL(request.url);
    const header = (name: string) => request.headers[name] ?? "";
    const received: Received = {
      host,
      id: header("x-gitstratum-delivery"),
      event: header("x-gitstratum-event"),
      attempt: header("x-gitstratum-attempt"),
      signature: header("x-gitstratum-signature-256"),
      body: request.body,
      value: JSON.parse(new TextDecoder().decode(request.body)),
    };
    const running = (this.running.get(host) ?? 0) + 1;
    this.running.set(host, running);
    this.runningMax = Math.max(this.runningMax, running);
    try {
      return await this.#answer(received, request.signal);
    } finally {
      this.running.set(host, this.running.get(host)! - 1);
    }
  }

  /** What a host received. */
  at(host: string): readonly Received[] {
    return this.received.filter((one) => one.host === host);
  }

  async #answer(received: Received, signal: AbortSignal): Promise<EgressAnswer> {
    this.received.push(received);
    const behaviour = this.behaviours.get(received.host)?.(received) ?? 200;
    // As over a network, no answer comes at once.
    await Promise.resolve();
    switch (behaviour) {
      case "hangs":
        await new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve(), { once: true });
          if (signal.aborted) resolve();
        });
        throw new GitStratumError("aborted", "Abort a request");
      case "breaks":
        throw new GitStratumError("unavailable", "Get no answer to a request");
      case "denied":
        throw new GitStratumError("denied", "Refuse a request to an address that is not public");
      default:
        return { status: behaviour, body: new Uint8Array() };
    }
  }
}
