/**
 * What a transport and a git session know of each other: bytes in, bytes out, and who is asking.
 *
 * @module
 */

import type { Asker } from "../access/asker.ts";
import type { ProtocolVersion } from "@gitstratum/core/protocol";
import type { RepositoryName } from "@gitstratum/core/rpc";

/** The circumstances of a session. */
export interface SessionCaller {
  readonly transport: "http" | "ssh";
  readonly remoteAddress?: string;
  /** Who it is, to be asked again whenever it matters. */
  readonly asker: Asker;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /**
   * Told what decides whether the asker may go on reading: whoever sends what is read asks it whenever
   * records of accounts changed, and ends when it is false.
   */
  onReading?(mayGoOn: () => boolean): void;
  /** Told, before anything is answered, when the repository has another name by now. */
  onMoved?(present: RepositoryName): void;
}

/** One request of a stateless transport, or the whole conversation of a stateful one. */
export interface SessionInput extends SessionCaller {
  readonly version: ProtocolVersion;
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Bytes of the body, where they are known before it is read. */
  readonly bodyBytes?: number;
}

/**
 * How a conversation ended, beyond its bytes: `refused` after an error that the client was told of in the
 * words of the protocol. Git's own services exit with a code other than 0 then.
 */
export type ConversationEnd = "answered" | "refused";
