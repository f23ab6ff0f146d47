/**
 * One channel as a session sees it: a stream of what the client says, and a way to answer, both at the
 * client's pace.
 *
 * Invariants: at most {@link SSH_RECEIVE_BYTES_MAX} received bytes wait for the session; a write
 * resolves only when the next one may be made.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { GitStratumError, SSH_RECEIVE_BYTES_MAX } from "@gitstratum/core";
import type { ClientTurns } from "../admission/stalled_streams.ts";
import type { PeerSocket } from "./peer_socket.ts";
import type { ServerChannel } from "./ssh2.ts";

/** Bytes of one write: as much as the library packs without cutting twice. */
const WRITE_BYTES_MAX = 64 * 1024;

/** What a link works with. */
export interface ChannelLinkOptions {
  readonly socket: PeerSocket;
  /** Told of every byte that moves. */
  onActivity(): void;
  /** Told when the client has to send something. */
  readonly turns?: ClientTurns | undefined;
}

function lost(): GitStratumError {
  return new GitStratumError("aborted", "Lose the client");
}

/** A channel that runs a command. */
export class ChannelLink {
  /** What the client sends, up to the end that it announces. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #channel: ServerChannel;
  readonly #options: ChannelLinkOptions;
  readonly #gone = new AbortController();
  readonly #closed: Promise<void>;
  #finished = false;

  /** Takes a channel over. */
  constructor(channel: ServerChannel, options: ChannelLinkOptions) {
    this.#channel = channel;
    this.#options = options;
    const closed = Promise.withResolvers<void>();
    this.#closed = closed.promise;
    channel.once("close", () => {
      closed.resolve();
      this.abort(lost());
    });
    // Failures of the connection are the connection's to report; here they mean that it is gone.
    channel.on("error", () => this.abort(lost()));
    this.body = this.#received();
  }

  /** Aborts when the client is gone before the link was finished. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves when the channel is closed. */
  get ended(): Promise<void> {
    return this.#closed;
  }

  /** Whether the client has sent more than any window allowed it to. */
  get isOverrun(): boolean {
    return this.#channel.readableLength > SSH_RECEIVE_BYTES_MAX;
  }

  /** Stops the session. */
  abort(reason: GitStratumError): void {
    if (!this.#finished) this.#gone.abort(reason);
  }

  /**
   * Sends bytes to the client's standard output; resolves when more may be sent.
   *
   * @throws `aborted` when the client is gone
   */
  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += WRITE_BYTES_MAX) {
      await this.#writeSome(bytes.subarray(at, at + WRITE_BYTES_MAX));
    }
  }

  async #writeSome(bytes: Uint8Array): Promise<void> {
    const { socket, onActivity } = this.#options;
    await socket.room();
    this.signal.throwIfAborted();
    const before = socket.acceptedBytes;
    const written = Promise.withResolvers<void>();
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#channel.write(buffer, () => written.resolve());
    // A channel that is closed meanwhile never calls back.
    await Promise.race([written.promise, this.#closed, socket.closed]);
    this.signal.throwIfAborted();
    onActivity();
    await socket.settled(before, bytes.length);
  }

  /** Tells people something while the command runs, on its standard error. */
  tell(message: string): void {
    if (!this.signal.aborted) this.#channel.stderr.write(`${message}\n`);
  }

  /** Ends the command: a line for people, if there is one, then its exit code. */
  async finish(code: number, message?: string): Promise<void> {
    if (this.signal.aborted) return;
    this.#finished = true;
    const told = Promise.withResolvers<void>();
    if (message === undefined) told.resolve();
    else this.#channel.stderr.write(`${message}\n`, () => told.resolve());
    await Promise.race([told.promise, this.#closed, this.#options.socket.closed]);
    this.#channel.exit(code);
    this.#channel.end();
    // What the client still sends is nobody's; unread it would hold the channel open.
    this.#channel.resume();
  }

  #received(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const channel = this.#channel;
    let stop = () => {};
    return new ReadableStream({
      start: (controller) => {
        stop = () => controller.error(this.signal.reason);
        this.signal.addEventListener("abort", stop, { once: true });
      },
      pull: async (controller) => {
        const bytes = await this.#nextBytes();
        if (this.signal.aborted) return;
        if (bytes !== undefined) return controller.enqueue(bytes);
        this.signal.removeEventListener("abort", stop);
        controller.close();
      },
      cancel: () => {
        this.signal.removeEventListener("abort", stop);
        channel.resume();
      },
    }, { highWaterMark: 0 });
  }

  /** The next bytes of the client, or undefined at the end of them. */
  async #nextBytes(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const channel = this.#channel;
    const { turns, onActivity } = this.#options;
    turns?.begin();
    for (;;) {
      const bytes: Uint8Array<ArrayBuffer> | null = channel.read();
      if (bytes !== null) {
        turns?.end(bytes.length);
        onActivity();
        return bytes;
      }
      if (channel.readableEnded || this.signal.aborted) return undefined;
      const changed = Promise.withResolvers<void>();
      const wake = () => changed.resolve();
      channel.once("readable", wake).once("end", wake);
      await Promise.race([changed.promise, this.#closed]);
      channel.off("readable", wake).off("end", wake);
    }
  }
}
