/**
 * One connection of HTTP/2 as a client, for requests that are short and answers that may be streams.
 *
 * Invariants:
 * - A request resolves with the head of its answer or rejects, whatever happens to the connection.
 * - A body that did not come to its end is an error to its reader.
 * - What is not read is not taken from the network beyond the window of its stream.
 * - A connection that was left ends with its last request.
 *
 * Source: RFC 9113.
 *
 * @module
 */

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";

/** Who calls, and whom it believes. */
export interface Http2Identity {
  /** Authorities beside the system's, PEM. */
  readonly caCerts?: readonly string[];
  /** What the caller shows of itself. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

type ByteStream = ReadableStream<Uint8Array<ArrayBuffer>>;

/** A connection; it is made with the first request on its way. */
export class Http2Connection {
  readonly #session: ClientHttp2Session;
  #runningCount = 0;
  #isLeft = false;

  /** Begins to connect to an origin: a scheme, a host and a port. */
  constructor(origin: string, identity: Http2Identity) {
    const { caCerts = [], tls = {} } = identity;
    this.#session = connect(origin, {
      ...tls,
      ...(caCerts.length === 0 ? {} : { ca: [...caCerts] }),
    });
    // Requests learn of it by themselves; without a listener it would end the process.
    this.#session.on("error", () => this.leave());
    this.#session.on("goaway", () => this.leave());
  }

  /** Whether further requests may be sent. */
  get isUsable(): boolean {
    return !this.#isLeft && !this.#session.closed && !this.#session.destroyed;
  }

  /** Sends a request whose body was read; its signal ends it for as long as its answer is read. */
  send(request: Request, body: Uint8Array): Promise<Response> {
    const { signal } = request;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const stream = this.#session.request({
        ...Object.fromEntries(request.headers),
        ":method": request.method,
        ":path": new URL(request.url).pathname,
      });
      const onAbort = () => {
        reject(signal.reason);
        stream.destroy(asError(signal.reason));
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#runningCount++;
      stream.on("response", (headers) => {
        try {
          resolve(responseOf(headers, stream));
        } catch (error) {
          reject(error);
          stream.close(constants.NGHTTP2_CANCEL);
        }
      });
      stream.on("error", reject);
      stream.on("close", () => {
        signal.removeEventListener("abort", onAbort);
        reject(new TypeError("The connection ended before there was an answer"));
        this.#runningCount--;
        this.#endIfLeft();
      });
      stream.end(body);
    });
  }

  /** Takes no further requests, and ends with the last one. */
  leave(): void {
    this.#isLeft = true;
    this.#endIfLeft();
  }

  #endIfLeft(): void {
    if (this.#isLeft && this.#runningCount === 0) this.#session.destroy();
  }
}

function responseOf(headers: IncomingHttpHeaders, stream: ClientHttp2Stream): Response {
  const shown = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    name.startsWith(":") || value === undefined ? [] : [[name, `${value}`]]
  );
  const status = Number(headers[":status"]);
  return new Response(bodyOf(stream), { status, headers: shown });
}

function bodyOf(stream: ClientHttp2Stream): ByteStream {
  let isEnded = false;
  return new ReadableStream({
    start(controller) {
      const fail = (error: unknown) => {
        if (isEnded) return;
        isEnded = true;
        controller.error(error);
      };
      stream.on("data", (chunk: Uint8Array<ArrayBuffer>) => {
        if (isEnded) return;
        controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
        if ((controller.desiredSize ?? 0) <= 0) stream.pause();
      });
      stream.on("end", () => {
        if (isEnded) return;
        isEnded = true;
        controller.close();
      });
      stream.on("error", fail);
      stream.on("close", () => fail(new TypeError("The connection ended before the answer did")));
    },
    pull: () => void stream.resume(),
    cancel() {
      isEnded = true;
      stream.close(constants.NGHTTP2_CANCEL);
    },
  });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
