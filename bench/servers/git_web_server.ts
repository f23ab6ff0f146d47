/**
 * The usual way to serve git over HTTP: nginx, fcgiwrap and `git http-backend`, started by the
 * benchmark itself with its own configuration. The same nginx serves static files.
 *
 * fcgiwrap ignores the end of its children, so the kernel drops their CPU time. Under `/git/` a shell
 * therefore waits for git and writes its times down, which costs about a millisecond per request;
 * `/bare/` runs git directly, for benchmarks of latency.
 *
 * @module
 */

import { reservePorts } from "../../core/process/testing/reserved_ports.ts";
import { gitEnvironment, gitText } from "../../tests/harness/git.ts";
import type { Address, MeteredServer } from "./metered_server.ts";
import {
  childrenOf,
  PeakWatch,
  processCpuSeconds,
  processTree,
  whileItLives,
} from "./process_usage.ts";

/** CGI processes at a time: as many as small benchmarks have clients, and more. */
const CGI_PROCESS_COUNT = 32;
/** No start takes longer, even on a busy machine. */
const START_TIMEOUT_MS = 10_000;
/** How often a condition without event is looked at. */
const POLL_INTERVAL_MS = 5;

/** Programs that are looked for outside a user's PATH, too. */
const PROGRAM_DIRECTORIES = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/sbin"];

async function findProgram(name: string): Promise<string | undefined> {
  const path = (Deno.env.get("PATH") ?? "").split(":");
  for (const directory of [...path, ...PROGRAM_DIRECTORIES]) {
    try {
      if ((await Deno.stat(`${directory}/${name}`)).isFile) return `${directory}/${name}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
        throw error;
      }
    }
  }
  return undefined;
}

/** Programs that {@link GitWebServer} needs. */
export interface GitWebPrograms {
  readonly nginx: string;
  readonly fcgiwrap: string;
  readonly bash: string;
  /** `git http-backend` itself. */
  readonly backend: string;
}

/** Finds the programs, or tells which are missing. */
export async function findGitWebPrograms(): Promise<GitWebPrograms | { missing: string[] }> {
  const backend = `${(await gitText(["--exec-path"])).trim()}/git-http-backend`;
  const found = {
    nginx: await findProgram("nginx"),
    fcgiwrap: await findProgram("fcgiwrap"),
    bash: await findProgram("bash"),
  };
  const missing = Object.entries(found).flatMap(([name, path]) => path === undefined ? [name] : []);
  if (missing.length > 0) return { missing };
  return { ...found as { nginx: string; fcgiwrap: string; bash: string }, backend };
}

interface Files {
  /** Sockets, configuration and logs. */
  readonly run: string;
  /** Bare repositories, served under their path with `.git`. */
  readonly repositories: string;
  /** Static files. */
  readonly statics: string;
}

function location(prefix: string, script: string, files: Files): string {
  return `location ~ ^/${prefix}(/.*)$ {
      fastcgi_pass unix:${files.run}/cgi.sock;
      fastcgi_request_buffering off;
      fastcgi_buffer_size 64k; fastcgi_buffers 16 64k; fastcgi_busy_buffers_size 512k;
      fastcgi_max_temp_file_size 0;
      fastcgi_read_timeout 600s;
      fastcgi_param SCRIPT_FILENAME ${script};
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_param REMOTE_ADDR $remote_addr;
      fastcgi_param PATH_INFO $1;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param GIT_PROJECT_ROOT ${files.repositories};
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
    }`;
}

function configuration(port: number, script: string, backend: string, files: Files): string {
  const temporary = ["client_body", "fastcgi", "proxy", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${files.run}/${name};`).join("\n  ");
  // Started by root, workers would become a user who may not read our directory.
  const user = Deno.uid() === 0 ? "user root;" : "";
  return `${user}
daemon off;
pid ${files.run}/nginx.pid;
error_log ${files.run}/nginx.log;
worker_processes auto;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; gzip off; client_max_body_size 0;
  client_body_timeout 600s; send_timeout 600s; keepalive_requests 1000000;
  ${temporary}
  server {
    listen 127.0.0.1:${port};
    location /static/ { alias ${files.statics}/; }
    ${location("git", script, files)}
    ${location("bare", backend, files)}
  }
}
`;
}

/** Runs git and writes down the user and system seconds of it and its children. */
function accountingScript(programs: GitWebPrograms, account: string): string {
  return `#!${programs.bash}\n"${programs.backend}"\ntimes >> "${account}"\n`;
}

/** `0m1.250s 0m0.031s` on every second line is what children used. */
export function parseAccount(text: string): number {
  let seconds = 0;
  const lines = text.trim().split("\n");
  for (let index = 1; index < lines.length; index += 2) {
    for (const [, minutes, rest] of lines[index]!.matchAll(/(\d+)m([\d.]+)s/g)) {
      seconds += Number(minutes) * 60 + Number(rest);
    }
  }
  return seconds;
}

async function waitUntil(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what} did not happen in time`);
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
}

async function accepts(address: Address): Promise<boolean> {
  try {
    (await Deno.connect(address)).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return false;
    throw error;
  }
}

/** A running nginx with git behind it. */
export class GitWebServer implements MeteredServer {
  readonly name = "git http-backend";
  readonly address: Address;
  readonly files: Files;
  readonly #children: readonly Deno.ChildProcess[];
  readonly #account: string;

  private constructor(
    address: Address,
    parts: { files: Files; children: readonly Deno.ChildProcess[]; account: string },
  ) {
    this.address = address;
    this.files = parts.files;
    this.#children = parts.children;
    this.#account = parts.account;
  }

  /** Starts everything below `directory`, which holds `repositories/` and `static/` afterwards. */
  static async start(directory: string, programs: GitWebPrograms): Promise<GitWebServer> {
    const files = {
      run: `${directory}/run`,
      repositories: `${directory}/repositories`,
      statics: `${directory}/static`,
    };
    for (const path of Object.values(files)) await Deno.mkdir(path, { recursive: true });
    const account = `${files.run}/times`;
    const script = `${files.run}/git-http-backend`;
    await Deno.writeTextFile(account, "");
    await Deno.writeTextFile(script, accountingScript(programs, account));
    await Deno.chmod(script, 0o755);
    const [port] = reservePorts(1);
    const address = { hostname: "127.0.0.1", port: port! };
    const config = `${files.run}/nginx.conf`;
    const text = configuration(address.port, script, programs.backend, files);
    await Deno.writeTextFile(config, text);
    const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
    const children = [
      new Deno.Command(programs.fcgiwrap, {
        args: ["-c", String(CGI_PROCESS_COUNT), "-s", `unix:${files.run}/cgi.sock`],
        env: gitEnvironment(),
        clearEnv: true,
        ...quiet,
      }).spawn(),
      new Deno.Command(programs.nginx, {
        args: ["-e", `${files.run}/nginx.log`, "-c", config],
        ...quiet,
      }).spawn(),
    ];
    const server = new GitWebServer(address, { files, children, account });
    await waitUntil("The start of fcgiwrap", () => isSocket(`${files.run}/cgi.sock`));
    await waitUntil("The start of nginx", () => accepts(address));
    return server;
  }

  path(repository: string): string {
    return `/git/${repository}.git`;
  }

  /** Path in URLs under which git runs without accounting. */
  barePath(repository: string): string {
    return `/bare/${repository}.git`;
  }

  /** Where a repository lies on disk. */
  directory(repository: string): string {
    return `${this.files.repositories}/${repository}.git`;
  }

  cpuSeconds(): number {
    const tree = this.#children.flatMap((child) => processTree(child.pid));
    const alive = tree.reduce(
      (sum, pid) => sum + (whileItLives(() => processCpuSeconds(pid)) ?? 0),
      0,
    );
    return alive + parseAccount(Deno.readTextFileSync(this.#account));
  }

  watchPeak(): () => number {
    const watch = new PeakWatch(() => this.#children.map((child) => child.pid));
    return () => watch.stop();
  }

  /** Resolves when no CGI process is left. */
  async settle(): Promise<void> {
    const [fcgiwrap] = this.#children;
    await waitUntil(
      "The end of git",
      () => childrenOf(fcgiwrap!.pid).every((worker) => childrenOf(worker).length === 0),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // fcgiwrap's workers do not end with their parent.
    const [fcgiwrap] = this.#children;
    const workers = childrenOf(fcgiwrap!.pid);
    for (const child of this.#children) child.kill("SIGTERM");
    for (const pid of workers) whileItLives(() => Deno.kill(pid, "SIGTERM"));
    await Promise.all(this.#children.map((child) => child.status));
  }
}

async function isSocket(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isSocket ?? false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
