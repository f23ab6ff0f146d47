/**
 * The real gpg with a keyring of its own and nothing of the machine's configuration.
 *
 * @module
 */

/** A public key that gpg made in 2020, of type ed25519, without an end. */
export const OPENPGP_PUBLIC_KEY = `-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEXgvhABYJKwYBBAHaRw8BAQdA5KU5W/lxKfJgYW3J/yKehrSqoGPc69LepJsc
QG5DIfq0GUFsaWNlIDxhbGljZUBleGFtcGxlLm9yZz6IkAQTFggAOBYhBJlj/fAN
86SsE0viauTGXDzWlkyKBQJeC+EAAhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheA
AAoJEOTGXDzWlkyKKT0A/1Hf5/GYTvpuiIuF0lYxj9syhwz9QZO7ZVhh+XvzzHFt
APoDaM7+DJSatc3RwDKvXACPgr+XqZRekQmfprqhJHQ9BA==
=8oXJ
-----END PGP PUBLIC KEY BLOCK-----
`;
/** Its fingerprint. */
export const OPENPGP_FINGERPRINT = "9963fdf00df3a4ac134be26ae4c65c3cd6964c8a";

/** What a key is to be. */
export interface GnuPgKey {
  /** As gpg calls it, `ed25519` or `rsa2048`. */
  readonly algorithm: string;
  /** As gpg calls it, `sign` or `cert`. */
  readonly usage?: string;
  /** As gpg calls it, `1d`. */
  readonly expires?: string;
}

/** A keyring. */
export class GnuPg implements AsyncDisposable {
  /** Its directory, for `GNUPGHOME`. */
  readonly home: string;
  #signatureCount = 0;

  private constructor(home: string) {
    this.home = home;
  }

  /** Makes an empty keyring. */
  static async open(): Promise<GnuPg> {
    const home = await Deno.makeTempDir({ prefix: "gpg" });
    await Deno.chmod(home, 0o700);
    return new GnuPg(home);
  }

  /** Runs gpg; what it writes to standard output. */
  async run(args: readonly string[], input = ""): Promise<string> {
    const child = new Deno.Command("gpg", {
      args: [
        "--batch",
        "--yes",
        "--quiet",
        "--no-options",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
        ...args,
      ],
      env: this.#environment,
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    // Whoever does not read its input says by its exit whether that is wrong.
    const written = writer.write(new TextEncoder().encode(input)).then(() => writer.close())
      .catch(() => {});
    const { code, stdout, stderr } = await child.output();
    await written;
    if (code !== 0) {
      throw new Error(`gpg ${args.join(" ")} failed\n${new TextDecoder().decode(stderr)}`);
    }
    return new TextDecoder().decode(stdout);
  }

  /** Makes a key without a passphrase; its fingerprint. */
  async makeKey(name: string, key: GnuPgKey, options: readonly string[] = []): Promise<string> {
    const { algorithm, usage = "sign", expires = "never" } = key;
    await this.run([...options, "--quick-gen-key", name, algorithm, usage, expires]);
    return await this.fingerprint(name);
  }

  /** The fingerprint of a primary key. */
  async fingerprint(name: string): Promise<string> {
    const listing = await this.run(["--with-colons", "--list-keys", `=${name}`]);
    return /^fpr:+([0-9A-F]+):/m.exec(listing)![1]!;
  }

  /** A public key, armoured. */
  exportKey(fingerprint: string, options: readonly string[] = []): Promise<string> {
    return this.run([...options, "--armor", "--export", fingerprint]);
  }

  /** A detached signature over bytes, armoured. */
  async sign(
    message: Uint8Array,
    by: { readonly key: string; readonly options?: readonly string[] },
  ): Promise<string> {
    const file = `${this.home}/message-${this.#signatureCount++}`;
    await Deno.writeFile(file, message);
    const { key, options = [] } = by;
    await this.run([...options, "--armor", "--local-user", key, "--detach-sign", file]);
    return await Deno.readTextFile(`${file}.asc`);
  }

  /** Ends its agent and removes the keyring. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Deno.Command("gpgconf", {
      args: ["--kill", "gpg-agent"],
      env: this.#environment,
      clearEnv: true,
      stdout: "null",
      stderr: "null",
    }).output();
    await Deno.remove(this.home, { recursive: true });
  }

  get #environment(): Record<string, string> {
    const PATH = Deno.env.get("PATH") ?? "/usr/bin:/bin";
    return { PATH, GNUPGHOME: this.home, LC_ALL: "C" };
  }
}
