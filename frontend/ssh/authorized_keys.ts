/**
 * A file of public keys in OpenSSH's `authorized_keys` format (sshd(8), AUTHORIZED_KEYS FILE FORMAT).
 *
 * A line that restricts its key in a way this server does not enforce (`from=`, `expiry-time=`,
 * `command=`, …) is left out as a whole: a key must never be able to do more than its line says.
 *
 * @module
 */

/** Options that take away only what nobody has here. */
const HARMLESS_OPTIONS: ReadonlySet<string> = new Set([
  "restrict",
  "no-agent-forwarding",
  "no-port-forwarding",
  "no-pty",
  "no-user-rc",
  "no-x11-forwarding",
]);

const KEY_TYPE = /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))$/;
const USER_CHARACTERS_MAX = 100;

/** Whom a line names. */
export interface AuthorizedKey {
  /** The comment; absent when there is none. */
  readonly user?: string;
}

/** Reads one line; undefined when it names no key that may log in. */
function readLine(line: string): { readonly key: string; readonly user: string } | undefined {
  const words = line.trim().split(/[ \t]+/);
  const at = words.findIndex((word) => KEY_TYPE.test(word));
  const key = words[at + 1];
  if (at < 0 || at > 1 || key === undefined || line.trimStart().startsWith("#")) return undefined;
  const options = at === 0 ? [] : words[0]!.toLowerCase().split(",");
  if (!options.every((option) => HARMLESS_OPTIONS.has(option))) return undefined;
  return { key, user: words.slice(at + 2).join(" ").slice(0, USER_CHARACTERS_MAX) };
}

/**
 * Finds a key in the text of such a file. The line's comment becomes the user's name.
 *
 * @param blob the key as it goes over the wire
 */
export function findAuthorizedKey(text: string, blob: Uint8Array): AuthorizedKey | undefined {
  const wanted = blob.toBase64();
  for (const line of text.split("\n")) {
    const found = readLine(line);
    if (found?.key === wanted) return found.user === "" ? {} : { user: found.user };
  }
  return undefined;
}
