/**
 * Who may log in: whoever proves to hold a private key whose public half the server knows.
 *
 * Only public keys are a proof here, of types and with signatures that are sound today: no passwords,
 * no dialogues, no host-based trust, no RSA with SHA-1, no short RSA keys.
 *
 * @module
 */

import { createHash, createPublicKey } from "node:crypto";
import { SSH_LOGIN_ATTEMPT_COUNT_MAX } from "@gitstratum/core";
import type { Asker } from "../access/asker.ts";
import { type AnyAuthContext, type ParsedKey, type PublicKeyAuthContext, utils } from "./ssh2.ts";

/** A public key that a client offers. */
export interface OfferedKey {
  /** As in the first word of a public key file. */
  readonly type: string;
  /** The key as it goes over the wire. */
  readonly blob: Uint8Array;
  /** `SHA256:…`, as `ssh-keygen -l` shows it. */
  readonly fingerprint: string;
}

/** Decides who a key belongs to; undefined when it may not log in. */
export type AuthenticateKey = (key: OfferedKey) => Promise<Asker | undefined>;

const KEY_TYPES: ReadonlySet<string> = new Set([
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "ssh-rsa",
]);
const RSA_HASHES: ReadonlySet<string | undefined> = new Set(["sha256", "sha512"]);
/** NIST SP 800-131A; OpenSSH makes keys of 3072 bits. */
const RSA_BITS_MIN = 2048;

function isShortRsa(key: ParsedKey): boolean {
  const bits = createPublicKey(key.getPublicPEM()).asymmetricKeyDetails?.modulusLength;
  return bits === undefined || bits < RSA_BITS_MIN;
}

/** The key of a request, or undefined when it is of no use here. */
function soundKey(context: PublicKeyAuthContext): ParsedKey | undefined {
  if (!KEY_TYPES.has(context.key.algo)) return undefined;
  if (context.key.algo === "ssh-rsa" && !RSA_HASHES.has(context.hashAlgo)) return undefined;
  const key = utils.parseKey(context.key.data);
  if (key instanceof Error || key.type !== context.key.algo || key.isPrivateKey()) return undefined;
  return key.type === "ssh-rsa" && isShortRsa(key) ? undefined : key;
}

/** Whether the request carries a signature that only the key's owner can make. */
function isProven(context: PublicKeyAuthContext, key: ParsedKey): boolean {
  const { blob, signature } = context;
  if (blob === undefined || signature === undefined) return false;
  return key.verify(blob, signature, context.hashAlgo) === true;
}

/** The login of one connection. */
export class SshLogin {
  readonly #authenticate: AuthenticateKey;
  #attemptCount = 0;

  /** Makes the login of a connection that nobody has logged in on. */
  constructor(authenticate: AuthenticateKey) {
    this.#authenticate = authenticate;
  }

  /** Whether the client has had all its chances. */
  get exhausted(): boolean {
    return this.#attemptCount > SSH_LOGIN_ATTEMPT_COUNT_MAX;
  }

  /**
   * Answers one request of the client; who has logged in by it, if somebody has.
   *
   * A request without a signature only asks whether the key would do.
   */
  async decide(context: AnyAuthContext): Promise<Asker | undefined> {
    this.#attemptCount++;
    const key = context.method === "publickey" ? soundKey(context) : undefined;
    if (context.method !== "publickey" || key === undefined || this.exhausted) {
      context.reject(["publickey"]);
      return undefined;
    }
    const asker = await this.#authenticate(offered(context));
    const asks = context.signature === undefined;
    if (asker === undefined || !(asks || isProven(context, key))) {
      context.reject(["publickey"]);
      return undefined;
    }
    context.accept();
    return asks ? undefined : asker;
  }
}

function offered(context: PublicKeyAuthContext): OfferedKey {
  const { algo, data } = context.key;
  const digest = createHash("sha256").update(data).digest("base64").replace(/=+$/, "");
  return { type: algo, blob: data, fingerprint: `SHA256:${digest}` };
}
