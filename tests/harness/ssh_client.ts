/**
 * The real ssh client with keys of its own and nothing of the machine's configuration.
 *
 * @module
 */

import type { TemporaryDirectory } from "./temp.ts";

/** Types of key that tests make. */
export type SshKeyType = "ed25519" | "ecdsa" | "rsa";

/** Makes a key pair without a passphrase; the path of its private half. */
export async function makeSshKey(
  temp: TemporaryDirectory,
  options: { readonly type?: SshKeyType; readonly bits?: number; readonly name?: string } = {},
): Promise<string> {
  const { type = "ed25519", bits } = options;
  const path = temp.join(options.name ?? `key-${type}-${bits ?? 0}`);
  const size = bits === undefined ? [] : ["-b", `${bits}`];
  const { code, stderr } = await new Deno.Command("ssh-keygen", {
    args: ["-q", "-t", type, ...size, "-N", "", "-C", "tester", "-f", path],
    stdin: "null",
  }).output();
  if (code !== 0) throw new Error(`ssh-keygen failed\n${new TextDecoder().decode(stderr)}`);
  return path;
}

/** Options of ssh that keep it to one key and to the server under test. */
export function sshOptions(key: string, extra: readonly string[] = []): string[] {
  return [
    "-F",
    "/dev/null",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    "LogLevel=ERROR",
    "-o",
    "BatchMode=yes",
    "-i",
    key,
    ...extra,
  ];
}

/** Environment in which git uses such an ssh. */
export function gitSshEnvironment(
  key: string,
  extra: readonly string[] = [],
): Record<string, string> {
  const words = ["ssh", ...sshOptions(key, extra)];
  return { GIT_SSH_COMMAND: words.map((word) => `'${word}'`).join(" ") };
}

/** What an ssh command did. */
export interface SshResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where to connect. */
export interface SshTarget {
  /** `ssh://git@host:port` */
  readonly origin: string;
  readonly key: string;
  /** Further options of ssh. */
  readonly options?: readonly string[];
  /** Further environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts ssh with piped input and output. */
export function spawnSsh(target: SshTarget, command: readonly string[]): Deno.ChildProcess {
  const { hostname, port, username } = new URL(target.origin.replace(/^ssh:/, "http:"));
  return new Deno.Command("ssh", {
    args: [
      ...sshOptions(target.key, target.options),
      "-p",
      port,
      `${username}@${hostname}`,
      ...command,
    ],
    env: { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin", LC_ALL: "C", ...target.env },
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs ssh with empty input to its end. */
export async function ssh(target: SshTarget, command: readonly string[]): Promise<SshResult> {
  const child = spawnSsh(target, command);
  await child.stdin.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
