/**
 * GitStratum as a child process, started as its users start it.
 *
 * @module
 */

import type { GitServer } from "./git_server.ts";
import { LogTail } from "./log_tail.ts";
import { temporaryDirectory } from "./temp.ts";

/** How to start the server. */
export interface GitStratumOptions {
  /** Data directory; a temporary one when absent. */
  readonly dataDirectory?: string;
  /** Further command-line flags. */
  readonly flags?: readonly string[];
  /** Further environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the server's command line given as its last arguments, e.g. `prlimit …`. */
  readonly wrapper?: readonly string[];
}

/** The repository's root directory. */
export const projectRoot: string = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** No start takes longer, even on a busy machine. */
const START_TIMEOUT_MS = 60_000;
/** A clean stop takes no longer. */
const STOP_TIMEOUT_MS = 30_000;

/** A running server process. */
export class GitStratumServer implements GitServer {
  readonly origin: string;
  /** `ssh://git@host:port` */
  readonly sshOrigin: string;
  readonly dataDirectory: string;
  readonly #child: Deno.ChildProcess;
  readonly #log: LogTail;
  readonly #cleanUp: () => Promise<void>;
  #ended = false;

  private constructor(parts: {
    readonly origin: string;
    readonly sshOrigin: string;
    readonly dataDirectory: string;
    readonly child: Deno.ChildProcess;
    readonly log: LogTail;
    readonly cleanUp: () => Promise<void>;
  }) {
    this.origin = parts.origin;
    this.sshOrigin = parts.sshOrigin;
    this.dataDirectory = parts.dataDirectory;
    this.#child = parts.child;
    this.#log = parts.log;
    this.#cleanUp = parts.cleanUp;
  }

  /**
   * Starts a server and waits until it has printed its URL.
   *
   * @throws with the server's output when it ends before it serves
   */
  static async start(options: GitStratumOptions = {}): Promise<GitStratumServer> {
    const temporary = options.dataDirectory === undefined ? await temporaryDirectory() : undefined;
    const dataDirectory = options.dataDirectory ?? temporary!.join("data");
    const { child, log } = spawnServer(dataDirectory, options);
    const cleanUp = async () => await temporary?.[Symbol.asyncDispose]();
    try {
      const origin = await log.waitFor(/(http:\/\/[^\s/]+:\d+)/, START_TIMEOUT_MS);
      const sshOrigin = await log.waitFor(/(ssh:\/\/[^\s/]+:\d+)/, START_TIMEOUT_MS);
      return new GitStratumServer({ origin, sshOrigin, dataDirectory, child, log, cleanUp });
    } catch (error) {
      kill(child, "SIGKILL");
      await child.status;
      await cleanUp();
      throw error;
    }
  }

  /** Process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The token of the first administrator, which a first start with accounts prints. */
  firstToken(): Promise<string> {
    return this.#log.waitFor(/(gst_[0-9A-Za-z]+_[0-9A-Za-z]+)\n/, START_TIMEOUT_MS);
  }

  /** What the server has printed so far (the end of it). */
  get log(): string {
    return this.#log.text;
  }

  /** Resolves when the process has ended, however that came. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  url(repository: string): string {
    return `${this.origin}/${repository}.git`;
  }

  /** Clone URL of `owner/name` over SSH. */
  sshUrl(repository: string): string {
    return `${this.sshOrigin}/${repository}.git`;
  }

  async createRepository(
    repository: string,
    options: { readonly objectFormat?: "sha1" | "sha256"; readonly defaultBranch?: string } = {},
  ): Promise<void> {
    const response = await fetch(`${this.origin}/api/v1/repos`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        name: repository,
        objectFormat: options.objectFormat ?? "sha1",
        defaultBranch: options.defaultBranch ?? "main",
      }),
    });
    const text = await response.text();
    if (response.status !== 201) {
      throw new Error(`Creating ${repository} answered ${response.status}: ${text}`);
    }
  }

  /** Sends a signal and waits for the end of the process. */
  async signal(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    kill(this.#child, signal);
    const timeout = AbortSignal.timeout(STOP_TIMEOUT_MS);
    const late = Promise.withResolvers<never>();
    const onTimeout = () => {
      kill(this.#child, "SIGKILL");
      late.reject(new Error(`The server did not end on ${signal}\n${this.log}`));
    };
    timeout.addEventListener("abort", onTimeout);
    try {
      return await Promise.race([this.#child.status, late.promise]);
    } finally {
      timeout.removeEventListener("abort", onTimeout);
      this.#ended = true;
      await this.#log.ended;
    }
  }

  /** Peak resident memory of the process in bytes (`VmHWM`). */
  async peakMemoryBytes(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.pid}/status`);
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    if (kib === undefined) throw new Error("The system tells no peak memory");
    return Number(kib) * 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) await this.signal("SIGTERM");
    await this.#cleanUp();
  }
}

function spawnServer(dataDirectory: string, options: GitStratumOptions) {
  const command = [
    ...(options.wrapper ?? []),
    Deno.execPath(),
    "run",
    "-A",
    `${projectRoot}/frontend/main.ts`,
    "--data",
    dataDirectory,
    "--http",
    "127.0.0.1:0",
    "--ssh",
    "127.0.0.1:0",
    ...(options.flags ?? []),
  ];
  const child = new Deno.Command(command[0]!, {
    args: command.slice(1),
    env: { ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return { child, log: new LogTail([child.stdout, child.stderr]) };
}

/** Signals a process that may have ended already. */
function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
}
