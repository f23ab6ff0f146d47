/**
 * The socket of one SSH client, with the bounds that the library does not keep: it writes whatever it
 * is told to and queues it without end while keys are exchanged.
 *
 * Invariants: whoever sends awaits {@link PeerSocket.room} before and {@link PeerSocket.settled} after;
 * a client that does not read its answers is not read from either, so that it cannot ask for more.
 *
 * @module
 */

import type { Socket } from "node:net";
import { SSH_ANSWER_BYTES_MAX, SSH_SEND_BYTES_MAX } from "@gitstratum/core";

/** A client's socket. */
export class PeerSocket {
  readonly #socket: Socket;
  readonly #closed = Promise.withResolvers<void>();
  #keysExchanged = Promise.withResolvers<void>();
  #isClosed = false;

  /** Watches a socket that somebody else reads and writes. To be made before that one reads. */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.once("close", () => {
      this.#isClosed = true;
      this.#closed.resolve();
    });
  }

  /**
   * Begins to hold the client back; to be called once its reader is attached. `onReceived` is called
   * after each chunk that the reader has taken.
   */
  guard(onReceived: () => void): void {
    this.#socket.on("data", () => {
      if (this.#socket.writableLength > SSH_ANSWER_BYTES_MAX) this.#socket.pause();
      onReceived();
    });
    this.#socket.on("drain", () => this.#socket.resume());
  }

  /** Address of the client. */
  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  /** Resolves when the socket is closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Bytes handed to the socket over its life, those that still wait included. */
  get acceptedBytes(): number {
    return this.#socket.bytesWritten;
  }

  /** To be called when the client and the server have agreed on new keys. */
  keysExchanged(): void {
    this.#keysExchanged.resolve();
    this.#keysExchanged = Promise.withResolvers();
  }

  /** Resolves when few enough bytes wait in the socket, or it is closed. */
  async room(): Promise<void> {
    while (!this.#isClosed && this.#socket.writableLength > SSH_SEND_BYTES_MAX) {
      const drained = Promise.withResolvers<void>();
      this.#socket.once("drain", drained.resolve);
      await Promise.race([drained.promise, this.#closed.promise]);
      this.#socket.off("drain", drained.resolve);
    }
  }

  /**
   * Waits for the end of an exchange of keys, when one goes on: only then does what was sent not reach
   * the socket.
   */
  async settled(before: number, sentBytes: number): Promise<void> {
    if (this.#isClosed || this.acceptedBytes - before >= sentBytes) return;
    await Promise.race([this.#keysExchanged.promise, this.#closed.promise]);
  }

  /** Closes it without ado. */
  destroy(): void {
    this.#socket.destroy();
  }
}
