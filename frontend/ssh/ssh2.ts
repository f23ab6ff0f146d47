/**
 * The SSH library, and what of it is used, as types: the only place that names it.
 *
 * Its published types bring the types of another Node.js with them, which would replace Deno's own
 * everywhere; so the few that are needed stand here, checked against version 1.17.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Duplex, Writable } from "node:stream";
import ssh2 from "ssh2";

/** A key, public or private. */
export interface ParsedKey {
  readonly type: string;
  isPrivateKey(): boolean;
  getPublicPEM(): string;
  getPrivatePEM(): string;
  /** Signs, for ECDSA as ASN.1; an error when the runtime can not use the key. */
  sign(data: Uint8Array): Uint8Array | Error;
  /** Whether the signature is right; an error when it is not even one. */
  verify(data: Uint8Array, signature: Uint8Array, hash?: string): boolean | Error;
}

/** A request to log in. */
export interface AuthContext {
  accept(): void;
  /** Names the methods that may be tried next. */
  reject(methodsLeft: readonly string[]): void;
}

/** A request to log in by a public key. */
export interface PublicKeyAuthContext extends AuthContext {
  readonly method: "publickey";
  readonly key: { readonly algo: string; readonly data: Uint8Array };
  /** The hash of an RSA signature; absent for other keys, and for RSA with SHA-1. */
  readonly hashAlgo?: string;
  /** What was signed; absent when the client only asks whether the key would do. */
  readonly blob?: Uint8Array;
  readonly signature?: Uint8Array;
}

/** Any request to log in. */
export type AnyAuthContext =
  | PublicKeyAuthContext
  | (AuthContext & {
    readonly method: "none" | "password" | "keyboard-interactive" | "hostbased";
  });

/** A channel that runs a command: reads standard input, writes standard output. */
export interface ServerChannel extends Duplex {
  readonly stderr: Writable;
  /** Tells the exit code. */
  exit(code: number): void;
}

/** Grants a request; undefined when the client wants no answer. */
type Accept = (() => void) | undefined;
/** Refuses a request; undefined when the client wants no answer. */
type Reject = (() => void) | undefined;
/** Opens the one channel of a session; undefined when it has been opened before. */
type AcceptChannel = () => ServerChannel | undefined;

/** A session before and while it runs its command. */
export interface Session {
  on(
    event: "env",
    listener: (
      accept: Accept,
      reject: Reject,
      variable: { readonly key: string; readonly val: string },
    ) => void,
  ): this;
  on(
    event: "exec",
    listener: (
      accept: AcceptChannel,
      reject: Reject,
      request: { readonly command: string },
    ) => void,
  ): this;
  on(event: "shell" | "subsystem", listener: (accept: AcceptChannel) => void): this;
  once(event: "close", listener: () => void): this;
}

/** A client that has told its name and version. */
export interface Connection {
  on(event: "authentication", listener: (context: AnyAuthContext) => void): this;
  on(event: "ready" | "rekey", listener: () => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "session", listener: (accept: () => Session, reject: () => void) => void): this;
  /** Takes its leave. */
  end(): void;
}

/** What a server is made of. */
export interface ServerConfiguration {
  readonly hostKeys: readonly string[];
  readonly algorithms: Readonly<Record<string, readonly string[]>>;
  readonly ident: string;
  /** In milliseconds. */
  readonly keepaliveInterval: number;
  readonly keepaliveCountMax: number;
}

/** Speaks SSH over sockets that others have accepted. */
export interface ProtocolServer {
  injectSocket(socket: Socket): void;
}

/** The library. */
interface Library {
  readonly Server: new (
    configuration: ServerConfiguration,
    onConnection: (
      client: Connection,
      info: { readonly ip: string; readonly port: number },
    ) => void,
  ) => ProtocolServer;
  readonly utils: {
    parseKey(key: string | Uint8Array): ParsedKey | Error;
    generateKeyPairSync(
      type: "ed25519" | "ecdsa" | "rsa",
      options?: { readonly bits: number },
    ): { readonly private: string; readonly public: string };
  };
}

/** See npm:ssh2. */
export const { Server, utils } = ssh2 as Library;
