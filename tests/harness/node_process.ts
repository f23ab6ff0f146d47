/**
 * One node of a cluster as a child process that can be killed, stopped, continued and started anew.
 *
 * @module
 */

import { projectRoot } from "./gitstratum_server.ts";
import { LogTail } from "./log_tail.ts";
import type { NodeGateway } from "./node_gateway.ts";

/** No start takes longer, even on a busy machine. */
const START_TIMEOUT_MS = 90_000;
/** A clean stop takes no longer. */
const STOP_TIMEOUT_MS = 30_000;
/** So much of a log tells why a process ended. */
const LOG_END_CHARACTERS = 8_000;

/** What a node is, and how it is started each time. */
export interface NodeCommand {
  /** Name in the cluster. */
  readonly id: string;
  /** Which `main.ts` runs. */
  readonly role: "control" | "metadata" | "object" | "frontend";
  /** Base URL that it serves. */
  readonly url: string;
  /** Flags of its command line. */
  readonly flags: readonly string[];
  /** Further environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Its way out; straight unless told. */
  readonly gateway?: NodeGateway;
  /** Root of the checkout that it runs from at first; this one unless told. */
  readonly root?: string;
  /** Command in front of the program. */
  readonly wrapper?: readonly string[];
}

/** A node that may run. */
export class NodeProcess {
  readonly id: string;
  readonly role: NodeCommand["role"];
  readonly url: string;
  readonly #command: NodeCommand;
  #root: string;
  #child: Deno.ChildProcess | undefined;
  #log: LogTail | undefined;
  /** Kept apart from the log, of which a long run drops the beginning. */
  #adminUrl: string | undefined;

  /** Describes a node; it is not started yet. */
  constructor(command: NodeCommand) {
    this.id = command.id;
    this.role = command.role;
    this.url = command.url;
    this.#command = command;
    this.#root = command.root ?? projectRoot;
  }

  /** Starts the process, anew after it ended; resolves when it serves. */
  async start(): Promise<void> {
    this.#adminUrl = await this.startUntil(/Metrics: (http:\/\/\S+)\/metrics/);
  }

  /** Starts the process; resolves with the pattern's group when it has printed it. */
  async startUntil(pattern: RegExp): Promise<string> {
    const { gateway, flags, environment, wrapper = [] } = this.#command;
    const main = `${this.#root}/${this.role}/main.ts`;
    const [program, ...args] = [
      ...wrapper,
      ...[Deno.execPath(), "run", "-A", "--no-check", main],
      ...flags,
    ];
    const proxy = gateway === undefined
      ? {}
      : { HTTP_PROXY: gateway.url, HTTPS_PROXY: gateway.url };
    const child = new Deno.Command(program!, {
      args,
      env: { ...environment, ...proxy },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#child = child;
    this.#log = new LogTail([child.stdout, child.stderr]);
    return await this.#log.waitFor(pattern, START_TIMEOUT_MS);
  }

  /** From the next start on it runs from this checkout. */
  upgrade(): void {
    this.#root = projectRoot;
  }

  /** From the next start on it runs from the checkout that it ran from at first. */
  takeBack(): void {
    this.#root = this.#command.root ?? projectRoot;
  }

  /** What the running or last process has printed (the end of it). */
  get log(): string {
    return this.#log?.text ?? "";
  }

  /** Process id. */
  get pid(): number {
    return this.#running().pid;
  }

  /** Base URL of the address for operators. */
  get adminUrl(): string {
    if (this.#adminUrl === undefined) throw new Error(`${this.id} has not served yet`);
    return this.#adminUrl;
  }

  /** What the node says about its readiness; fails with what it has logged when nobody answers. */
  async readiness(): Promise<Readonly<Record<string, unknown>>> {
    try {
      const response = await fetch(`${this.adminUrl}/readyz`);
      return { node: this.id, ...await response.json() };
    } catch (cause) {
      const fate = this.isRunning && await this.hasEnded() ? "ended by itself" : "does not answer";
      throw new Error(`${this.id} ${fate}\n${this.log.slice(-LOG_END_CHARACTERS)}`, { cause });
    }
  }

  /** Sends a signal, and does not wait for anything. */
  signal(signal: Deno.Signal): void {
    this.#running().kill(signal);
  }

  /**
   * Another process that is to be the same node, or the one with another id: at a port that the system
   * picks, with a directory of its own. It is not started yet.
   */
  twin(options: { readonly data: string; readonly id?: string }): NodeProcess {
    const { id = this.id, data } = options;
    const flags = [...this.#command.flags];
    const changes = { "--id": id, "--data": data, "--listen": "127.0.0.1:0" };
    for (const [flag, value] of Object.entries(changes)) flags[flags.indexOf(flag) + 1] = value;
    return new NodeProcess({ ...this.#command, id, flags });
  }

  /** Whether the process came to an end that nobody asked for. */
  async hasEnded(): Promise<boolean> {
    const stillRuns = new Promise<false>((resolve) => setTimeout(resolve, 0, false));
    return await Promise.race([this.#running().status.then(() => true), stillRuns]);
  }

  /** Starts the process anew, whether it ended by itself or runs. */
  async restart(): Promise<void> {
    if (await this.hasEnded()) this.#child = undefined;
    else await this.kill();
    await this.start();
  }

  /** Ends the process at once, unless it ended by itself. */
  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    const child = this.#running();
    if (!await this.hasEnded()) child.kill("SIGKILL");
    await child.status;
    await this.#log?.ended;
    this.#child = undefined;
  }

  /** Asks the process to end and waits for it; answers its exit code. */
  async stop(): Promise<number> {
    const child = this.#running();
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    const { code, signal } = await child.status;
    clearTimeout(timer);
    await this.#log?.ended;
    this.#child = undefined;
    if (signal !== null) throw new Error(`${this.id} did not end on SIGTERM\n${this.log}`);
    return code;
  }

  /** Whether there is a process. */
  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  #running(): Deno.ChildProcess {
    if (this.#child === undefined) throw new Error(`${this.id} does not run`);
    return this.#child;
  }
}

/** What one of the project's programs did. */
export interface ProgramResult {
  readonly success: boolean;
  /** Standard output and standard error. */
  readonly text: string;
}

/** Runs one of the project's programs to its end. */
export async function runProgram(program: string, args: readonly string[]): Promise<ProgramResult> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${projectRoot}/${program}/main.ts`, ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
}
