/**
 * A listening socket for SSH: counts connections, bounds logins in number and time, ends orderly.
 *
 * @module
 */

import { type AddressInfo, createServer, type Server as NetServer, type Socket } from "node:net";
import {
  formatSocketAddress,
  GitStratumError,
  hasCode,
  type SocketAddress,
} from "@gitstratum/core";
import { addressSubject } from "@gitstratum/core/rates";
import { PeerSocket } from "./peer_socket.ts";
import { type Connection, type ProtocolServer, Server } from "./ssh2.ts";
import { SshConnection, type SshConnectionOptions } from "./ssh_connection.ts";

/** How to listen. */
export interface SshServerOptions extends SshConnectionOptions, SocketAddress {
  /** Private keys, at most one of each type. */
  readonly hostKeys: readonly string[];
  /** Counts a connection; one for which it throws is cut off. */
  readonly countHandshake?: (remoteAddress: string | undefined) => void;
  /** How long running sessions may go on after the server was told to close, in milliseconds. */
  readonly drainMs: number;
}

/** A server that listens. */
export interface SshServer extends SocketAddress {
  /** `ssh://git@host:port` without a slash at its end. */
  readonly url: string;
  /** Connections that are open now. */
  readonly connectionCount: number;
  /** Resolves when every connection has ended; those with sessions get the drain time. */
  close(): Promise<void>;
}

/** What is sound today and old enough to be everywhere. No compression: packs are compressed. */
const ALGORITHMS = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group14-sha256",
  ],
  cipher: [
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes256-ctr",
  ],
  hmac: [
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
  ],
  compress: ["none"],
};

/** A client between its connection and its end. */
interface Peer {
  readonly socket: PeerSocket;
  /** Absent until the client has said what it is. */
  connection?: SshConnection;
}

class ListeningServer {
  readonly #options: SshServerOptions;
  readonly #listener: NetServer;
  readonly #protocol: ProtocolServer;
  /** By the address of the client: that is how the library names a connection's socket. */
  readonly #peers = new Map<string, Peer>();
  #closing = false;

  constructor(options: SshServerOptions) {
    const { limits } = options;
    this.#options = options;
    this.#listener = createServer((socket) => this.#accept(socket));
    this.#protocol = new Server({
      hostKeys: options.hostKeys,
      algorithms: ALGORITHMS,
      ident: "GitStratum",
      keepaliveInterval: limits.keepAliveMs,
      keepaliveCountMax: limits.keepAliveCountMax,
    }, (client, { ip, port }) => this.#connect(client, `${ip} ${port}`));
  }

  get connectionCount(): number {
    return this.#peers.size;
  }

  async listen(): Promise<SocketAddress> {
    const { hostname, port } = this.#options;
    const listening = Promise.withResolvers<void>();
    this.#listener.once("error", listening.reject);
    this.#listener.listen({ host: hostname, port }, listening.resolve);
    try {
      await listening.promise;
    } catch (cause) {
      const address = formatSocketAddress({ hostname, port });
      throw new GitStratumError("conflict", "Find the SSH address taken or forbidden", {
        data: { address, reason: String((cause as { readonly code?: string }).code ?? cause) },
        cause,
      });
    }
    this.#listener.off("error", listening.reject);
    this.#listener.on("error", (error) => this.#options.onFailure(error, {}));
    return { hostname, port: (this.#listener.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const peer of this.#peers.values()) {
      if ((peer.connection?.runningCount ?? 0) === 0) this.#dismiss(peer);
    }
    await this.#race(closed, this.#options.drainMs);
    for (const peer of this.#peers.values()) {
      peer.connection?.close();
      peer.socket.destroy();
    }
    await closed;
  }

  #dismiss(peer: Peer): void {
    if (peer.connection === undefined) peer.socket.destroy();
    else peer.connection.close();
  }

  async #race(event: Promise<void>, ms: number): Promise<void> {
    const timer = new AbortController();
    const late = this.#options.clock.sleep(ms, timer.signal).catch(() => undefined);
    await Promise.race([event, late]);
    timer.abort();
  }

  #accept(socket: Socket): void {
    const { connectionCountMax, loginCountMax, loginAddressCountMax } = this.#options.limits;
    const strangers = [...this.#peers.values()].filter(({ connection }) => !connection?.isLoggedIn);
    const { remoteAddress = "" } = socket;
    const from = addressSubject(remoteAddress).id;
    const neighbours = strangers.filter((peer) =>
      addressSubject(peer.socket.remoteAddress ?? "").id === from
    );
    const isFull = this.#peers.size >= connectionCountMax || strangers.length >= loginCountMax ||
      neighbours.length >= loginAddressCountMax;
    // Failures that come before the library listens need a listener too.
    socket.on("error", () => socket.destroy());
    if (isFull || this.#closing || !this.#isCounted(socket)) return void socket.destroy();
    socket.setNoDelay(true);
    const key = `${socket.remoteAddress} ${socket.remotePort}`;
    const peer: Peer = { socket: new PeerSocket(socket) };
    this.#peers.set(key, peer);
    peer.socket.closed.then(() => this.#peers.delete(key));
    this.#boundLogin(peer).catch((error) => this.#options.onFailure(error, {}));
    this.#protocol.injectSocket(socket);
  }

  #isCounted({ remoteAddress }: Socket): boolean {
    try {
      this.#options.countHandshake?.(remoteAddress);
      return true;
    } catch (error) {
      if (hasCode(error, "exhausted")) return false;
      throw error;
    }
  }

  #connect(client: Connection, key: string): void {
    const peer = this.#peers.get(key);
    // The client was quick to go.
    if (peer === undefined) return void client.end();
    peer.connection = new SshConnection(client, peer.socket, this.#options);
  }

  /** Cuts a client that does not log in in time. */
  async #boundLogin(peer: Peer): Promise<void> {
    await this.#race(peer.socket.closed, this.#options.limits.loginMsMax);
    if (!peer.connection?.isLoggedIn) peer.socket.destroy();
  }
}

/**
 * Starts to listen.
 *
 * @throws `conflict` when the address cannot be had
 */
export async function serveSsh(options: SshServerOptions): Promise<SshServer> {
  const server = new ListeningServer(options);
  const address = await server.listen();
  let closing: Promise<void> | undefined;
  return {
    ...address,
    url: `ssh://git@${formatSocketAddress(address)}`,
    get connectionCount() {
      return server.connectionCount;
    },
    close: () => closing ??= server.close(),
  };
}
