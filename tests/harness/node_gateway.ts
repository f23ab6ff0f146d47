/**
 * The way out of one process: an HTTP proxy through which it reaches everybody else, and which can cut
 * it off from some of them.
 *
 * A cut lets nothing pass and tells nobody, as a network does that drops packets: connections stay, and
 * new ones are taken and left without an answer. What the others send to the process on connections of
 * their own is not concerned, so that links can be cut in one direction only.
 *
 * @module
 */

/** The longest head of a request that is looked at for its destination. */
const HEAD_BYTES_MAX = 64 * 1024;
const CONNECT = "CONNECT";

/** Where a connection goes, and what was read to find out. */
interface Opening {
  readonly method: string;
  /** Host and port. */
  readonly authority: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** An HTTP proxy for one process; hand its URL over as `HTTP_PROXY` and `HTTPS_PROXY`. */
export class NodeGateway {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.TcpConn>();
  /** Resolve when the way to an authority is open again. */
  readonly #cuts = new Map<string, PromiseWithResolvers<void>>();

  /** Begins to listen. */
  constructor() {
    // It ends when the listener is closed.
    void this.#accept();
  }

  /** Base URL of the proxy. */
  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** From now on nothing gets to these base URLs. */
  cut(urls: readonly string[]): void {
    for (const url of urls) {
      const { host } = new URL(url);
      if (!this.#cuts.has(host)) this.#cuts.set(host, Promise.withResolvers<void>());
    }
  }

  /** Lets everything pass again, what was held up first. */
  mend(): void {
    for (const { resolve } of this.#cuts.values()) resolve();
    this.#cuts.clear();
  }

  /** Ends all connections. */
  close(): void {
    this.mend();
    this.#listener.close();
    for (const connection of this.#connections) close(connection);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      this.#connections.add(near);
      this.#serve(near).catch(() => {
        // Either end may go at any time; the other one is closed below.
      }).finally(() => {
        close(near);
        this.#connections.delete(near);
      });
    }
  }

  async #serve(near: Deno.TcpConn): Promise<void> {
    const opening = await readOpening(near);
    if (opening === undefined) return;
    const { authority, method, bytes } = opening;
    await this.#passable(authority);
    const { hostname, port } = new URL(`http://${authority}`);
    const far = await Deno.connect({ hostname, port: Number(port || 80) });
    this.#connections.add(far);
    try {
      if (method === CONNECT) {
        await near.write(new TextEncoder().encode("HTTP/1.1 200 Connected\r\n\r\n"));
      } else {
        await writeAll(far, bytes);
      }
      await Promise.race([
        this.#pump(authority, near, far),
        this.#pump(authority, far, near),
      ]);
    } finally {
      close(far);
      this.#connections.delete(far);
    }
  }

  async #passable(authority: string): Promise<void> {
    await this.#cuts.get(authority)?.promise;
  }

  async #pump(authority: string, from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(HEAD_BYTES_MAX);
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      await this.#passable(authority);
      await writeAll(to, buffer.subarray(0, count));
    }
  }
}

/** Reads until the destination of a request is known; undefined when there is none. */
async function readOpening(connection: Deno.TcpConn): Promise<Opening | undefined> {
  const buffer = new Uint8Array(HEAD_BYTES_MAX);
  for (let length = 0; length < buffer.length;) {
    const count = await connection.read(buffer.subarray(length));
    if (count === null) return undefined;
    length += count;
    const bytes = buffer.slice(0, length);
    const head = new TextDecoder("latin1").decode(bytes);
    // A tunnel begins after the whole head, anything else is passed on as it came.
    const [, method = "", target = ""] = /^([A-Z]+) (\S+) HTTP\/1\.1\r\n/.exec(head) ?? [];
    if (method === "" || (method === CONNECT && !head.includes("\r\n\r\n"))) continue;
    return { method, authority: method === CONNECT ? target : new URL(target).host, bytes };
  }
  return undefined;
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let from = 0; from < bytes.length;) from += await connection.write(bytes.subarray(from));
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It may be closed already.
  }
}
