/**
 * Where a rehearsal takes place: a socket that nobody but this process is answered on, and what sends
 * requests to it. Real ones, because half of what a first request waits for is code between the socket
 * and the sessions.
 *
 * Invariant: a request without the stage's secret reaches nothing, whoever finds the port.
 *
 * @module
 */

import { type Clock, concatBytes, GitStratumError, KIB, type Random } from "@gitstratum/core";
import { type HttpServerOptions, serveHttp } from "@gitstratum/core/process";

/** What a stage works with. */
export interface PracticeStageOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Answers requests, as a server's socket hands them over. */
  readonly handle: HttpServerOptions["handle"];
}

/** A request of a client. */
export interface PracticeRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
}

const LOOPBACK = "127.0.0.1";
const SECRET_HEADER = "x-practice-secret";
const SECRET_BYTES = 16;
/** How long requests may go on that nobody waits for any more, in milliseconds. */
const DRAIN_MS = 100;
const READ_BYTES = 256 * KIB;
/** The empty chunk at the end of a chunked answer. */
const LAST_CHUNK = new TextEncoder().encode("\r\n0\r\n\r\n");

/** An open stage. */
export class PracticeStage {
  readonly #server: ReturnType<typeof serveHttp>;
  readonly #secret: string;
  readonly #buffer = new Uint8Array(READ_BYTES);

  /** Listens, on loopback, on a port that the system picks. */
  constructor({ clock, random, handle }: PracticeStageOptions) {
    const secret = random.bytes(SECRET_BYTES).toHex();
    this.#secret = secret;
    this.#server = serveHttp({
      hostname: LOOPBACK,
      port: 0,
      clock,
      drainMs: DRAIN_MS,
      handle: (request, info) =>
        request.headers.get(SECRET_HEADER) === secret
          ? handle(request, info)
          : new Response("Not for you\n", { status: 403 }),
    });
  }

  /**
   * Sends a request and takes the answer in; resolves with its length in bytes, head included.
   *
   * @throws `unavailable` when the answer is not 200, and the signal's reason
   */
  async send(request: PracticeRequest, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    const { port } = this.#server;
    using connection = await Deno.connect({ hostname: LOOPBACK, port });
    connection.setNoDelay(true);
    connection.setNoDelay(true);
    const onAbort = () => connection.close();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await writeAll(connection, this.#head(request));
      if (request.body !== undefined) await writeAll(connection, request.body);
      return await this.#take(connection);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Ends all requests and stops listening. */
  close(): Promise<void> {
    return this.#server.close();
  }

  #head({ method, path, headers, body }: PracticeRequest): Uint8Array<ArrayBuffer> {
    const lines = Object.entries({
      host: `${LOOPBACK}:${this.#server.port}`,
      connection: "close",
      [SECRET_HEADER]: this.#secret,
      ...headers,
      ...(body && { "content-length": `${body.length}` }),
    }).map(([name, value]) => `${name}: ${value}\r\n`);
    return new TextEncoder().encode(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  }

  /** Takes an answer in up to what looks like its last chunk: the server may close much later. */
  async #take(connection: Deno.Conn): Promise<number> {
    let bytes = 0;
    let tail: Uint8Array = new Uint8Array();
    while (!isEqual(tail, LAST_CHUNK)) {
      const count = await connection.read(this.#buffer);
      if (count === null) break;
      const piece = this.#buffer.subarray(0, count);
      if (bytes === 0) requireOk(piece);
      bytes += count;
      tail = concatBytes([tail, piece.slice(-LAST_CHUNK.length)]).slice(-LAST_CHUNK.length);
    }
    return bytes;
  }
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

function requireOk(answer: Uint8Array): void {
  const line = new TextDecoder().decode(answer.subarray(0, 64)).split("\r\n", 1)[0]!;
  if (line.startsWith("HTTP/1.1 200 ")) return;
  throw new GitStratumError("unavailable", "Fail a request of a rehearsal", { data: { line } });
}
