/**
 * The body of an answer on its way: chunk after chunk, in order, until it ends or breaks.
 *
 * @module
 */

import type { SimHost } from "./sim_host.ts";
import type { NetworkWeather } from "./network_weather.ts";
import type { SimProcess } from "./sim_process.ts";

/** Which body goes where. */
export interface AnswerStreamOptions {
  readonly source: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly server: SimProcess;
  readonly client: SimProcess;
  /** The client's host. */
  readonly from: string;
  readonly to: SimHost;
}

/** A body under way. */
export class AnswerStream {
  /** What the client reads. */
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #network: NetworkWeather;
  readonly #options: AnswerStreamOptions;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #broken = Promise.withResolvers<never>();
  /** Bytes that arrive before it breaks. */
  #bytesLeft = Infinity;
  /** The source has nothing more than what was read. */
  #isRead = false;
  readonly #forget: () => void;

  /** Begins to carry a body. */
  constructor(network: NetworkWeather, options: AnswerStreamOptions) {
    this.#network = network;
    this.#options = options;
    this.#reader = options.source.getReader();
    this.#reader.closed.then(() => this.#isRead = true, () => {
      // Whoever reads next meets the failure.
    });
    if (network.happens(network.faults.breaking)) {
      this.#bytesLeft = network.random.below(1 << (4 + network.random.below(12)));
    }
    // Who reads hears of it; when nobody reads there is nobody to tell.
    this.#broken.promise.catch(() => undefined);
    const forget = options.server.onEnd(() => this.#break("Connection reset"));
    const forgetClient = options.client.onEnd(() => this.abandon());
    this.#forget = () => {
      forget();
      forgetClient();
    };
    this.stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: (controller) => Promise.race([this.#pull(controller), this.#broken.promise]),
      cancel: () => this.abandon(),
    }, { highWaterMark: 0 });
  }

  /** Breaks the stream when a signal of the reader's aborts. */
  cutBy(signal: AbortSignal): void {
    const cut = () => {
      this.#broken.reject(signal.reason);
      this.abandon();
    };
    if (signal.aborted) cut();
    else signal.addEventListener("abort", cut, { once: true });
  }

  /** The server learns, in time, that nobody reads. */
  abandon(): void {
    if (this.#isRead) return;
    this.#isRead = true;
    this.#forget();
    this.#options.server.after(this.#network.latencyMs(), "is not read", () => {
      // A source that fails when it is cancelled has nobody to tell.
      this.#reader.cancel(new TypeError("The client went away")).catch(() => undefined);
    });
  }

  async #pull(
    controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>,
  ): Promise<void> {
    const chunk = await this.#next();
    await this.#carried();
    if (chunk === undefined) {
      this.#forget();
      return controller.close();
    }
    const isWhole = chunk.length <= this.#bytesLeft;
    const arrived = isWhole ? chunk : chunk.subarray(0, this.#bytesLeft);
    this.#bytesLeft -= arrived.length;
    if (arrived.length > 0) controller.enqueue(arrived);
    if (isWhole && !this.#isRead) return;
    if (isWhole) {
      this.#forget();
      return controller.close();
    }
    this.abandon();
    if (this.#network.faults.breaksLookComplete) controller.close();
    else throw new TypeError("Connection reset");
  }

  /** The next bytes; a source that fails is a server that breaks the connection. */
  async #next(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) return undefined;
        // Chunks without bytes do not travel.
        if (value.length > 0) return value;
      }
    } catch {
      // What the server met does not travel.
      await this.#carried();
      if (this.#network.faults.breaksLookComplete) return undefined;
      throw new TypeError("Connection broken");
    }
  }

  /** One chunk's way; while the line is cut, nothing arrives. */
  async #carried(): Promise<void> {
    const { client, from, to } = this.#options;
    await new Promise<void>((resolve) => {
      client.after(this.#network.latencyMs(), `< ${to.name} bytes`, resolve);
    });
    while (this.#network.isCut(to.name, from)) await this.#network.healed();
  }

  #break(why: string): void {
    const { client, to } = this.#options;
    client.after(this.#network.latencyMs(), `< ${to.name} ${why}`, () => {
      this.#broken.reject(new TypeError(why));
    });
  }
}
