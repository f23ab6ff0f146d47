/**
 * `git http-backend` behind a small CGI server in the test process.
 *
 * @module
 */

import { git, gitEnvironment } from "./git.ts";
import type { GitServer } from "./git_server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temp.ts";

/** Serves bare repositories of a temporary directory; the first push creates one. */
export class GitHttpBackendServer implements GitServer {
  readonly origin: string;
  readonly #root: TemporaryDirectory;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #exits = new Map<string, Promise<number>>();

  private constructor(root: TemporaryDirectory) {
    this.#root = root;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => this.#respond(request),
    );
    this.origin = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Starts a server over an empty directory. */
  static async start(): Promise<GitHttpBackendServer> {
    return new GitHttpBackendServer(await temporaryDirectory());
  }

  url(repository: string): string {
    return `${this.origin}/${repository}.git`;
  }

  /**
   * The exit code behind the answer to a request that was sent with this `x-request-id`; to be asked once.
   * Bytes alone do not tell an end from a death.
   */
  async exitOf(requestId: string): Promise<number> {
    const exit = await this.#exits.get(requestId);
    this.#exits.delete(requestId);
    if (exit === undefined) throw new Error(`No request ${requestId} came`);
    return exit;
  }

  /** The bare repository on disk. */
  path(repository: string): string {
    return this.#root.join(`${repository}.git`);
  }

  async createRepository(
    repository: string,
    options: { readonly objectFormat?: "sha1" | "sha256"; readonly defaultBranch?: string } = {},
  ): Promise<void> {
    const path = this.path(repository);
    await git([
      "init",
      "-q",
      "--bare",
      `--object-format=${options.objectFormat ?? "sha1"}`,
      `--initial-branch=${options.defaultBranch ?? "main"}`,
      path,
    ]);
    const settings = {
      "http.receivepack": "true",
      "receive.fsckObjects": "true",
      "uploadpack.allowFilter": "true",
      "uploadpack.allowReachableSHA1InWant": "true",
      "receive.denyDeleteCurrent": "warn",
      // The object checks that GitStratum leaves out by default.
      "receive.fsck.badTimezone": "ignore",
      "receive.fsck.missingSpaceBeforeDate": "ignore",
      "receive.fsck.zeroPaddedFilemode": "ignore",
    };
    for (const [name, value] of Object.entries(settings)) {
      await git(["-C", path, "config", name, value]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await this.#root[Symbol.asyncDispose]();
  }

  async #respond(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const repository = /^\/([^/]+\/[^/]+?)\.git\//.exec(url.pathname)?.[1];
    const pushes = url.pathname.endsWith("/git-receive-pack") ||
      url.searchParams.get("service") === "git-receive-pack";
    if (repository !== undefined && pushes && !(await exists(this.path(repository)))) {
      await this.createRepository(repository);
    }
    const { response, exit } = await runCgi(request, this.#root.path);
    const requestId = request.headers.get("x-request-id");
    if (requestId !== null) this.#exits.set(requestId, exit);
    return response;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function runCgi(
  request: Request,
  root: string,
): Promise<{ readonly response: Response; readonly exit: Promise<number> }> {
  const url = new URL(request.url);
  const headers: Record<string, string> = {};
  for (const [name, header] of Object.entries(CGI_HEADERS)) {
    const value = request.headers.get(header);
    if (value !== null) headers[name] = value;
  }
  const child = new Deno.Command("git", {
    args: ["http-backend"],
    clearEnv: true,
    env: {
      ...gitEnvironment(),
      ...headers,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REMOTE_ADDR: "127.0.0.1",
    },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const fed = (request.body ?? new Blob([]).stream()).pipeTo(child.stdin).catch(() => {
    // git http-backend may answer without reading the body; its answer is what counts.
  });
  const response = await parseCgi(child.stdout);
  return { response, exit: fed.then(() => child.status).then(({ code }) => code) };
}

const CGI_HEADERS: Readonly<Record<string, string>> = {
  CONTENT_TYPE: "content-type",
  CONTENT_LENGTH: "content-length",
  HTTP_CONTENT_ENCODING: "content-encoding",
  GIT_PROTOCOL: "git-protocol",
};

/** Splits a CGI answer into its header and a body that still streams. */
async function parseCgi(stdout: ReadableStream<Uint8Array>): Promise<Response> {
  const reader = stdout.getReader();
  let head: Uint8Array<ArrayBuffer> = new Uint8Array();
  let end = -1;
  while (end < 0) {
    const { value, done } = await reader.read();
    if (done) return new Response("no answer from git http-backend", { status: 502 });
    const joined = new Uint8Array(head.length + value.length);
    joined.set(head);
    joined.set(value, head.length);
    head = joined;
    end = new TextDecoder("latin1").decode(head).indexOf("\r\n\r\n");
  }
  const headers = new Headers();
  let status = 200;
  for (const line of new TextDecoder().decode(head.subarray(0, end)).split("\r\n")) {
    const [name, value] = [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)];
    if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
    else headers.append(name, value.trim());
  }
  const rest = head.subarray(end + 4);
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(rest),
    async pull(controller) {
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, { status, headers });
}
