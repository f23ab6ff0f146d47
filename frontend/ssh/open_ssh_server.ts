/**
 * The SSH server of a data directory: its host keys, and who may log in.
 *
 * On a server with accounts those may whose keys are recorded. On one without, a file `authorized_keys` in the directory names the keys that may log in; it is read at each login.
 * Without the file, anybody with a key may log in where only this machine can reach the server, exactly
 * as anybody may use HTTP there, and nobody elsewhere.
 *
 * @module
 */

import {
  GitStratumError,
  isLoopback,
  type SocketAddress,
  SSH_AUTHORIZED_KEYS_BYTES_MAX,
} from "@gitstratum/core";
import { unguardedAsker } from "../access/asker.ts";
import type { Authenticator } from "../access/authenticator.ts";
import { findAuthorizedKey } from "./authorized_keys.ts";
import { openHostKeys } from "./host_keys.ts";
import { SSH_LIMITS } from "./ssh_limits.ts";
import type { AuthenticateKey } from "./ssh_login.ts";
import { serveSsh, type SshServer, type SshServerOptions } from "./ssh_server.ts";

/** How to open a server. */
export interface OpenSshServerOptions extends
  SocketAddress,
  Pick<
    SshServerOptions,
    "clock" | "drainMs" | "conversations" | "streams" | "countHandshake" | "onFailure"
  > {
  /** Where host keys and `authorized_keys` are; made when it is missing. */
  readonly directory: string;
  /** Who may log in on a server with accounts; absent = who the file says. */
  readonly authenticator?: Authenticator;
}

/** The text of the file, or undefined when there is none. @throws `exhausted` when it is too long */
async function readAuthorizedKeys(path: string): Promise<string | undefined> {
  try {
    const { size } = await Deno.stat(path);
    if (size > SSH_AUTHORIZED_KEYS_BYTES_MAX) {
      throw new GitStratumError("exhausted", "Refuse a file of authorized keys above the limit", {
        data: { path, bytes: size, bytesMax: SSH_AUTHORIZED_KEYS_BYTES_MAX },
      });
    }
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Logins by the file, or by the lack of it. */
function keyFileLogin(path: string, address: SocketAddress): AuthenticateKey {
  return async ({ blob }) => {
    const text = await readAuthorizedKeys(path);
    if (text === undefined) return isLoopback(address) ? unguardedAsker() : undefined;
    const found = findAuthorizedKey(text, blob);
    return found && unguardedAsker(found.user);
  };
}

/**
 * Starts an SSH server.
 *
 * @throws `conflict` when the address cannot be had, and what {@link openHostKeys} throws
 */
export async function openSshServer(options: OpenSshServerOptions): Promise<SshServer> {
  const { directory, authenticator, ...rest } = options;
  return await serveSsh({
    ...rest,
    limits: SSH_LIMITS,
    hostKeys: await openHostKeys(directory),
    authenticate: authenticator === undefined
      ? keyFileLogin(`${directory}/authorized_keys`, options)
      : ({ fingerprint }) => authenticator.ofKey(fingerprint),
  });
}
