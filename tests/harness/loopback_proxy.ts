/**
 * A wire between two processes that can be cut: connections stay, but nothing passes.
 *
 * That is how a network fails that drops packets: nobody is told anything.
 *
 * @module
 */

/** A listener that passes bytes on to another one. */
export class LoopbackProxy {
  readonly #listener: Deno.TcpListener;
  readonly #target: URL;
  readonly #connections = new Set<Deno.TcpConn>();
  #passable = Promise.withResolvers<void>();

  private constructor(listener: Deno.TcpListener, target: URL) {
    this.#listener = listener;
    this.#target = target;
    this.#passable.resolve();
  }

  /** Starts to pass bytes on to the host and port of a base URL. */
  static open(target: string): LoopbackProxy {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const proxy = new LoopbackProxy(listener, new URL(target));
    // It ends when the listener is closed.
    void proxy.#accept();
    return proxy;
  }

  /** Base URL of the near end. */
  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** From now on nothing passes; whoever sends is not told. */
  cut(): void {
    this.#passable = Promise.withResolvers<void>();
  }

  /** Lets everything pass again, what was held up first. */
  mend(): void {
    this.#passable.resolve();
  }

  /** Ends all connections. */
  close(): void {
    this.#passable.resolve();
    this.#listener.close();
    for (const connection of this.#connections) close(connection);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      this.#connections.add(near);
      this.#serve(near).catch(() => close(near));
    }
  }

  async #serve(near: Deno.TcpConn): Promise<void> {
    await this.#passable.promise;
    const { hostname, port } = this.#target;
    const far = await Deno.connect({ hostname, port: Number(port) });
    this.#connections.add(far);
    await Promise.race([this.#pump(near, far), this.#pump(far, near)]);
    for (const connection of [near, far]) {
      close(connection);
      this.#connections.delete(connection);
    }
  }

  async #pump(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const writer = to.writable.getWriter();
    try {
      for await (const chunk of from.readable) {
        await this.#passable.promise;
        await writer.write(chunk);
      }
    } catch {
      // Either end may go at any time; the other one is closed then.
    }
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // Its streams may have closed it already.
  }
}
