/**
 * A receiver of webhooks on a free port.
 *
 * @module
 */

import { isWebhookSignature, WEBHOOK_SIGNATURE_HEADER } from "@gitstratum/core/rpc";

/** What tests sign with. */
export const RECEIVER_SECRET = "a secret of some length";

/** A delivery as it came in. */
export interface Received {
  readonly id: string;
  readonly path: string;
  readonly reference: string;
  readonly isSigned: boolean;
}

/** Somebody who is told of events. */
export class Receiver implements AsyncDisposable {
  /** All that came in, in order. */
  readonly received: Received[] = [];
  /** What is done with a request before it is answered. */
  behave: (received: Received) => Promise<Response> | Response = () => new Response();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #changed = Promise.withResolvers<void>();

  /** Listens at once. */
  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
    this.#server = Deno.serve(options, (request) => this.#take(request));
  }

  /** Where it listens. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #take(request: Request): Promise<Response> {
    const body = new Uint8Array(await request.arrayBuffer());
    const { changes } = JSON.parse(new TextDecoder().decode(body));
    const signature = request.headers.get(WEBHOOK_SIGNATURE_HEADER) ?? "";
    const received = {
      id: request.headers.get("x-gitstratum-delivery") ?? "",
      path: new URL(request.url).pathname,
      reference: changes[0].reference,
      isSigned: isWebhookSignature(signature, { secret: RECEIVER_SECRET, body }),
    };
    this.received.push(received);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    return await this.behave(received);
  }

  /** Waits until what was received is so. */
  async until(isSo: (received: readonly Received[]) => boolean): Promise<void> {
    while (!isSo(this.received)) await this.#changed.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.shutdown();
  }
}
