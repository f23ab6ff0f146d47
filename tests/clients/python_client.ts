/**
 * Clients with a Python interface: a script beside this file that does one operation each time.
 *
 * @module
 */

import { gitEnvironment } from "../harness/git.ts";
import { gitSshEnvironment } from "../harness/ssh_client.ts";
import type {
  CloneOptions,
  GitClient,
  NewFile,
  ObjectFormat,
  PushedReference,
  Transport,
} from "./git_client.ts";

/** Debian's Python, for which Debian's packages install; another one can bring newer clients. */
const PYTHON = Deno.env.get("GITSTRATUM_TEST_PYTHON") ?? "/usr/bin/python3";
/** No operation takes longer, even on a busy machine. */
const OPERATION_TIMEOUT_MS = 120_000;

/** Which client a script drives. */
export interface PythonClientOptions {
  readonly name: string;
  /** File name of the script. */
  readonly script: string;
  readonly transports: readonly Transport[];
  readonly shallow: boolean;
  /** Private key for SSH. */
  readonly key: string;
}

/** A client behind a script. */
export class PythonClient implements GitClient {
  readonly name: string;
  readonly transports: readonly Transport[];
  readonly shallow: boolean;
  /** dulwich 1.2 fetches sha256, and names no format when it pushes: git's own server refuses it too. */
  readonly pushedFormats: readonly ObjectFormat[] = ["sha1"];
  readonly #script: string;
  readonly #key: string;

  constructor(options: PythonClientOptions) {
    this.name = options.name;
    this.transports = options.transports;
    this.shallow = options.shallow;
    this.#script = new URL(options.script, import.meta.url).pathname;
    this.#key = options.key;
  }

  async objectFormats(): Promise<readonly ObjectFormat[]> {
    return await this.#run("formats", {}) as readonly ObjectFormat[];
  }

  async clone(path: string, options: CloneOptions): Promise<void> {
    await this.#run("clone", { path, ...options });
  }

  async fetch(path: string, options: { readonly depth?: number } = {}): Promise<void> {
    await this.#run("fetch", { path, ...options });
  }

  async commit(path: string, file: NewFile): Promise<string> {
    return await this.#run("commit", { path, ...file }) as string;
  }

  async tag(path: string, name: string): Promise<void> {
    await this.#run("tag", { path, name });
  }

  async push(path: string, reference: PushedReference): Promise<void> {
    await this.#run("push", { path, source: null, ...reference });
  }

  async #run(operation: string, request: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { code, stdout, stderr } = await this.#output(
      JSON.stringify({ operation, ...request }),
    );
    const decoder = new TextDecoder();
    if (code !== 0) {
      throw new Error(`${this.name} ${operation} exited ${code}\n${decoder.decode(stderr)}`);
    }
    return JSON.parse(decoder.decode(stdout));
  }

  async #output(request: string): Promise<Deno.CommandOutput> {
    try {
      return await new Deno.Command(PYTHON, {
        // Nothing is compiled into the checkout.
        args: ["-B", this.#script, request],
        env: { ...gitEnvironment(), ...gitSshEnvironment(this.#key), SSH_KEY: this.#key },
        clearEnv: true,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
        signal: AbortSignal.timeout(OPERATION_TIMEOUT_MS),
      }).output();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new Error(`${this.name} needs ${PYTHON} (Debian: python3)`, { cause: error });
    }
  }
}
