/**
 * One request and its answer on their ways through the simulated network.
 *
 * @module
 */

import { AnswerStream } from "./answer_stream.ts";
import type { Listener, SimHost } from "./sim_host.ts";
import type { NetworkWeather } from "./network_weather.ts";
import type { SimProcess } from "./sim_process.ts";

/** Statuses whose answers have no body (RFC 9110). */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);
/** A caller learns at the latest so much later that its connection is dead, in milliseconds. */
const GIVE_UP_MS_MAX = 20_000;
/** A request whose sender has given up may still arrive so much later, in milliseconds. */
export const LINGER_MS_MAX = 15_000;
/** Most repeated requests come at most so much later, in milliseconds. */
const ECHO_MS_MAX = 3000;
/** Probability that a repeated request comes as late as one that lingers. */
const LATE_ECHO = 0.2;

/** Who asks whom what. */
export interface ExchangeOptions {
  readonly request: Request;
  readonly body: Uint8Array<ArrayBuffer> | null;
  /** The caller. */
  readonly process: SimProcess;
  /** The caller's host. */
  readonly from: string;
  /** Where it goes. */
  readonly to: SimHost;
  /** Whether the request may arrive twice. */
  readonly repeatable: boolean;
}

/** A request under way. */
export class Exchange {
  /** What the caller gets. */
  readonly response: Promise<Response>;
  readonly #network: NetworkWeather;
  readonly #options: ExchangeOptions;
  readonly #answered = Promise.withResolvers<Response>();
  /** Aborts when the server learns that nobody waits any more. */
  readonly #abandoned = new AbortController();
  readonly #forget: () => void;
  #isSettled = false;

  /** Sends a request. */
  constructor(network: NetworkWeather, options: ExchangeOptions) {
    this.#network = network;
    this.#options = options;
    this.response = this.#answered.promise;
    const { request, process, from, to } = options;
    const { signal } = request;
    const onAbort = () => {
      if (this.#isSettled) return;
      this.#fail(signal.reason);
      this.#abandon();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    this.#forget = process.onEnd(() => this.#abandon());
    if (network.isCut(from, to.name)) {
      this.#linger();
      this.#vanish();
    } else if (network.happens(network.faults.loss)) {
      this.#linger();
      this.#lose();
    } else this.#depart();
  }

  #depart(): void {
    const network = this.#network;
    const { request, from, to, repeatable } = this.#options;
    const { pathname } = new URL(request.url);
    network.loop.after(
      network.latencyMs(),
      `${from} > ${to.name} ${request.method} ${pathname}`,
      () => this.#arrive((listener) => this.#serve(listener)),
    );
    const mayRepeat = repeatable && network.repeats;
    if (!mayRepeat || !network.happens(network.faults.doubling)) return;
    const isLate = network.happens(LATE_ECHO);
    this.#arriveUnheard("again", network.random.below(isLate ? LINGER_MS_MAX : ECHO_MS_MAX));
  }

  /**
   * What seems lost is perhaps on its way, or waits where a process has stopped: it comes when its
   * sender has long given up, and perhaps asked somebody else.
   */
  #linger(): void {
    const network = this.#network;
    if (!network.repeats || !network.happens(network.faults.lingering)) return;
    this.#arriveUnheard("at last", network.random.below(LINGER_MS_MAX));
  }

  /** The request comes, some time from now; nobody hears the answer. */
  #arriveUnheard(how: string, inMs: number): void {
    const network = this.#network;
    const { request: { method, url }, from, to } = this.#options;
    network.loop.after(
      network.latencyMs() + inMs,
      `${from} > ${to.name} ${how} ${method} ${new URL(url).pathname}`,
      () => {
        const { listener } = to;
        if (network.isCut(from, to.name) || !listener?.process.isAlive) return;
        listener.process.after(0, "serves", () => {
          // Whatever comes of it is nobody's.
          listener.service.fetch(this.#received(new AbortController()))
            .then((response) => response.body?.cancel()).catch(() => {});
        });
      },
    );
  }

  #arrive(serve: (listener: Listener) => Promise<void>): void {
    const { to } = this.#options;
    const { listener } = to;
    if (listener === undefined || !listener.process.isAlive) {
      return this.#reset("Connection refused");
    }
    listener.process.after(0, "serves", () => {
      // A service that rejects is a server that breaks the connection.
      serve(listener).catch((error) => this.#reset(`Connection broken: ${error}`));
    });
  }

  async #serve(listener: Listener): Promise<void> {
    const { process } = listener;
    const forget = process.onEnd(() => this.#reset("Connection reset"));
    const response = await listener.service.fetch(this.#received(this.#abandoned));
    forget();
    if (!process.act()) return this.#reset("Connection reset");
    this.#answer(response, process);
  }

  #received(abandoned: AbortController): Request {
    const { request, body } = this.#options;
    const { method, headers, url } = request;
    const init = { method, headers, signal: abandoned.signal };
    return new Request(url, body === null ? init : { ...init, body });
  }

  #answer(response: Response, server: SimProcess): void {
    const { from, to, process } = this.#options;
    const network = this.#network;
    const { status, headers } = response;
    if (network.isCut(to.name, from)) {
      void response.body?.cancel();
      return this.#vanish();
    }
    if (network.happens(network.faults.loss)) {
      void response.body?.cancel();
      return this.#lose();
    }
    const body = response.body === null || BODILESS.has(status)
      ? null
      : new AnswerStream(network, { source: response.body, server, client: process, from, to });
    process.after(network.latencyMs(), `< ${to.name} ${status}`, () => {
      if (this.#isSettled) return body?.abandon();
      this.#settle();
      body?.cutBy(this.#options.request.signal);
      this.#answered.resolve(new Response(body?.stream ?? null, { status, headers }));
    });
  }

  /** The server learns, in time, that nobody waits any more. */
  #abandon(): void {
    const { to } = this.#options;
    const { listener } = to;
    listener?.process.after(
      this.#network.latencyMs(),
      "is left alone",
      () => this.#abandoned.abort(new TypeError("The client went away")),
    );
  }

  /** The connection is lost: at once or after a while, one of both ends hears so. */
  #lose(): void {
    if (this.#network.happens(0.5)) this.#reset("Connection reset");
    else this.#vanish();
  }

  #reset(why: string): void {
    this.#options.process.after(
      this.#network.latencyMs(),
      `< ${this.#options.to.name} ${why}`,
      () => this.#fail(new TypeError(why)),
    );
  }

  /** Nothing comes back, until the caller's system gives up. */
  #vanish(): void {
    const ms = 1000 + this.#network.random.below(GIVE_UP_MS_MAX);
    this.#options.process.after(ms, `gives ${this.#options.to.name} up`, () => {
      this.#fail(new TypeError("Connection timed out"));
    });
  }

  #fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#answered.reject(error);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#forget();
  }
}
