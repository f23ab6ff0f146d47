/**
 * One connection for many small requests, one at a time, as a busy client has it.
 *
 * @module
 */

import type { Address } from "../servers/metered_server.ts";
import {
  encodeHead,
  headEnd,
  type HttpAnswer,
  type HttpRequest,
  joinChunks,
  parseHead,
  writeAll,
} from "./http_exchange.ts";

/** Answers of this client are small. */
const BUFFER_BYTES = 256 * 1024;

/** A connection that is opened when it is needed, and again when the server closed it. */
export class KeepAliveConnection implements Disposable {
  readonly #address: Address;
  #connection: Deno.Conn | undefined;
  #buffer = new Uint8Array(BUFFER_BYTES);

  constructor(address: Address) {
    this.#address = address;
  }

  /** Sends a request and waits for its answer. */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    const connection = await this.#open();
    const head = encodeHead(this.#address, request, { keepAlive: true });
    const body = request.body ?? new Uint8Array();
    const message = new Uint8Array(head.length + body.length);
    message.set(head);
    message.set(body, head.length);
    await writeAll(connection, message);
    return await this.#read(connection);
  }

  [Symbol.dispose](): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  async #open(): Promise<Deno.Conn> {
    if (this.#connection === undefined) {
      const connection = await Deno.connect(this.#address);
      connection.setNoDelay(true);
      this.#connection = connection;
    }
    return this.#connection;
  }

  async #read(connection: Deno.Conn): Promise<HttpAnswer> {
    let at = 0;
    while (true) {
      const count = await connection.read(this.#room(at));
      at += count ?? 0;
      const answer = parseWhole(this.#buffer.subarray(0, at), count === null);
      if (answer !== undefined) {
        if (count === null || answer.headers["connection"] === "close") this[Symbol.dispose]();
        return answer;
      }
      if (count === null) throw new Error("The server closed within an answer");
    }
  }

  #room(at: number): Uint8Array {
    if (at === this.#buffer.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    return this.#buffer.subarray(at);
  }
}

/** The answer when all of it is there; its body is a copy. */
function parseWhole(raw: Uint8Array, closed: boolean): HttpAnswer | undefined {
  const end = headEnd(raw);
  if (end < 0) return undefined;
  const head = parseHead(raw.subarray(0, end));
  const rest = raw.subarray(end);
  if (head.headers["transfer-encoding"] === "chunked") {
    const { body, done } = joinChunks(rest);
    return done ? { ...head, body } : undefined;
  }
  const length = head.headers["content-length"];
  if (length === undefined) return closed ? { ...head, body: rest.slice() } : undefined;
  return rest.length < Number(length)
    ? undefined
    : { ...head, body: rest.slice(0, Number(length)) };
}
