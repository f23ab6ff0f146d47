/**
 * HTTP/1.1 with as little work per byte as Deno allows: one connection for one request, the answer
 * read into one buffer until the server closes. Everything is parsed after the clock has stopped.
 *
 * @module
 */

import type { Address } from "../servers/metered_server.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");
/** Large enough that the cost of a read is that of its bytes. */
const READ_BYTES = 4 * 1024 * 1024;
/** Heads of answers are shorter. */
const HEAD_BYTES_MAX = 64 * 1024;

/** A request. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** A parsed answer. */
export interface HttpAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** The bytes of a request's head. `contentLength` stands in for a body that is sent apart. */
export function encodeHead(
  address: Address,
  request: HttpRequest,
  options: { readonly contentLength?: number; readonly keepAlive?: boolean } = {},
): Uint8Array {
  const length = options.contentLength ?? request.body?.length;
  const lines = [
    `${request.method} ${request.path} HTTP/1.1`,
    `Host: ${address.hostname}:${address.port}`,
    `Connection: ${options.keepAlive === true ? "keep-alive" : "close"}`,
    ...Object.entries(request.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
    ...(length === undefined ? [] : [`Content-Length: ${length}`]),
  ];
  return encoder.encode(lines.join("\r\n") + "\r\n\r\n");
}

/** Writes all bytes. */
export async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** A buffer whose pages exist, so that the first use costs nothing extra. */
export function touchedBuffer(bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes).fill(1);
}

/** The empty chunk at the end of a chunked answer. */
const LAST_CHUNK = encoder.encode("\r\n0\r\n\r\n");

/** How many bytes an answer has in all; nothing while its head is not there or tells no length. */
function announcedBytes(raw: Uint8Array): number | undefined {
  const end = headEnd(raw);
  if (end < 0) return undefined;
  const length = parseHead(raw.subarray(0, end)).headers["content-length"];
  return length === undefined ? undefined : end + Number(length);
}

function endsWithLastChunk(raw: Uint8Array): boolean {
  const start = raw.length - LAST_CHUNK.length;
  return start >= 0 && LAST_CHUNK.every((byte, index) => raw[start + index] === byte);
}

/**
 * Reads one answer. Its end is told by its length or by what looks like its last chunk, as a client
 * would tell it; whether it was one is proved by {@link parseAnswer} after the clock has stopped. The
 * buffer grows when it is too small, which costs a copy.
 */
async function readAnswer(connection: Deno.Conn, buffer: Uint8Array): Promise<Uint8Array> {
  let all = buffer;
  let at = 0;
  let announced: number | undefined;
  while (true) {
    // The head is short: once it is there, only lengths are compared.
    if (announced === undefined && at < HEAD_BYTES_MAX) {
      announced = announcedBytes(all.subarray(0, at));
    }
    if (at === announced || endsWithLastChunk(all.subarray(0, at))) return all.subarray(0, at);
    if (at === all.length) {
      const larger = new Uint8Array(2 * all.length + READ_BYTES);
      larger.set(all);
      all = larger;
    }
    const count = await connection.read(all.subarray(at, at + READ_BYTES));
    if (count === null) return all.subarray(0, at);
    at += count;
  }
}

/** Sends a request on a connection of its own and answers the raw answer, head included. */
export async function exchange(
  address: Address,
  request: HttpRequest,
  buffer: Uint8Array = new Uint8Array(64 * 1024),
): Promise<Uint8Array> {
  using connection = await Deno.connect(address);
  connection.setNoDelay(true);
  await writeAll(connection, encodeHead(address, request));
  if (request.body !== undefined) await writeAll(connection, request.body);
  return await readAnswer(connection, buffer);
}

/** Sends a file as body of a POST and answers the raw answer. */
export async function exchangeFile(
  address: Address,
  request: HttpRequest & { readonly file: string },
): Promise<Uint8Array> {
  using file = await Deno.open(request.file);
  const { size } = await file.stat();
  using connection = await Deno.connect(address);
  await writeAll(connection, encodeHead(address, request, { contentLength: size }));
  const answer = readAnswer(connection, new Uint8Array(64 * 1024));
  await sendFile(connection, file);
  return await answer;
}

async function sendFile(connection: Deno.Conn, file: Deno.FsFile): Promise<void> {
  const chunk = new Uint8Array(1024 * 1024);
  try {
    for (let count = await file.read(chunk); count !== null; count = await file.read(chunk)) {
      await writeAll(connection, chunk.subarray(0, count));
    }
  } catch (error) {
    // A server that refuses early closes; its answer says why.
    if (!isDisconnect(error)) throw error;
  }
}

function isDisconnect(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset;
}

/** Where the head of a raw answer ends, -1 when it is not there yet. */
export function headEnd(raw: Uint8Array): number {
  for (let at = 3; at < raw.length; at++) {
    if (raw[at] === 10 && raw[at - 1] === 13 && raw[at - 2] === 10 && raw[at - 3] === 13) {
      return at + 1;
    }
  }
  return -1;
}

/** Parses status and headers. */
export function parseHead(head: Uint8Array): Omit<HttpAnswer, "body"> {
  const [first, ...lines] = decoder.decode(head).trimEnd().split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first!)?.[1]);
  if (!Number.isInteger(status)) throw new Error(`Not an HTTP answer: ${first}`);
  const headers = Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  return { status, headers };
}

/** Parses a whole raw answer. @throws when it ends early */
export function parseAnswer(raw: Uint8Array): HttpAnswer {
  const end = headEnd(raw);
  if (end < 0) throw new Error("The answer ended within its head");
  const head = parseHead(raw.subarray(0, end));
  const rest = raw.subarray(end);
  if (head.headers["transfer-encoding"] === "chunked") {
    const { body, done } = joinChunks(rest);
    if (!done) throw new Error("The answer ended within its chunks");
    return { ...head, body };
  }
  const length = head.headers["content-length"];
  if (length !== undefined && rest.length !== Number(length)) {
    throw new Error(`The answer has ${rest.length} bytes and promised ${length}`);
  }
  return { ...head, body: rest };
}

/** Takes the chunked encoding off; `done` tells whether the last chunk was there. */
export function joinChunks(
  raw: Uint8Array,
): { readonly body: Uint8Array; readonly done: boolean; readonly end: number } {
  const parts: Uint8Array[] = [];
  let total = 0;
  let at = 0;
  while (at < raw.length) {
    const lineEnd = raw.indexOf(10, at);
    if (lineEnd < 0) break;
    const size = Number.parseInt(decoder.decode(raw.subarray(at, lineEnd)), 16);
    if (!Number.isInteger(size)) throw new Error("A chunk has no size");
    const start = lineEnd + 1;
    if (start + size + 2 > raw.length) break;
    if (size === 0) return { body: joinParts(parts, total), done: true, end: start + 2 };
    parts.push(raw.subarray(start, start + size));
    total += size;
    at = start + size + 2;
  }
  return { body: joinParts(parts, total), done: false, end: at };
}

/** Joins parts of a known total length. */
export function joinParts(parts: readonly Uint8Array[], total: number): Uint8Array {
  const joined = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Throws unless the status is 200. */
export function requireOk(answer: HttpAnswer): HttpAnswer {
  if (answer.status !== 200) {
    throw new Error(`The server answered ${answer.status}: ${decoder.decode(answer.body)}`);
  }
  return answer;
}
