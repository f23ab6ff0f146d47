/**
 * What a conformance case works with: repositories on the server and clients of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { assertSound } from "../harness/compare.ts";
import { git, type GitOptions, type GitResult } from "../harness/git.ts";
import type { GitServer } from "../harness/git_server.ts";
import { GitHttpBackendServer } from "../harness/git_http_backend.ts";
import { generateHistory } from "../harness/history.ts";
import { startServer } from "../harness/server.ts";
import { gitSshEnvironment, makeSshKey } from "../harness/ssh_client.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../harness/temp.ts";
import { changeRepository, type RepositoryChange } from "./repository_change.ts";

/** How clients reach the server. */
export type Transport = "http" | "ssh";
/** Hash functions of repositories. */
export type ObjectFormat = "sha1" | "sha256";

/** A repository on the server. */
export interface ServedRepository {
  /** `owner/name` */
  readonly name: string;
  /** Clone URL over the case's transport. */
  readonly url: string;
}

/** One that was pushed from a local bare repository. */
export interface PushedRepository extends ServedRepository {
  /** Path of the source, which holds exactly what was pushed. */
  readonly source: string;
}

/** A server that cases can run against; without SSH only over HTTP. */
export interface CaseSubject extends GitServer {
  /** Clone URL of `owner/name` over SSH. */
  sshUrl?(repository: string): string;
}

/** The server of a file of cases. */
export interface CaseServer extends AsyncDisposable {
  readonly server: CaseSubject;
  readonly transports: readonly Transport[];
  /** Private key of clients. */
  readonly sshKey: string;
  /** Environment of clients. */
  readonly environment: Readonly<Record<string, string>>;
  /** A number that no case has had. */
  next(): number;
  /** The history that all cases of a format read. */
  history(objectFormat: ObjectFormat): Promise<{ readonly name: string; readonly source: string }>;
}

/** Starts the server: by `start`, or the one that ordinary cases run against. */
export async function startCaseServer(
  temp: TemporaryDirectory,
  start: () => Promise<CaseSubject> = startServer,
): Promise<CaseServer> {
  const server = await start();
  const sshKey = await makeSshKey(temp);
  let count = 0;
  const histories = new Map<ObjectFormat, Promise<{ name: string; source: string }>>();
  return {
    server,
    transports: server.sshUrl === undefined ? ["http"] : ["http", "ssh"],
    sshKey,
    environment: { ...gitSshEnvironment(sshKey), GIT_SSH_VARIANT: "ssh" },
    next: () => ++count,
    history(objectFormat) {
      const found = histories.get(objectFormat) ?? makeHistory(server, temp.path, objectFormat);
      histories.set(objectFormat, found);
      return found;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function makeHistory(
  server: CaseSubject,
  directory: string,
  objectFormat: ObjectFormat,
): Promise<{ name: string; source: string }> {
  const name = `shared/history-${objectFormat}`;
  const source = `${directory}/history-${objectFormat}.git`;
  await generateHistory(source, { seed: 77, commits: 60, files: 15, objectFormat });
  await createOn(server, name, objectFormat);
  await git(["-C", source, "push", "-q", "--mirror", server.url(name)]);
  return { name, source };
}

/** What GitStratum always does and git only when told to. */
const ORACLE_SETTINGS: Readonly<Record<string, string>> = {
  "uploadpack.allowTipSHA1InWant": "true",
  "uploadpack.allowAnySHA1InWant": "true",
  "uploadpack.allowSidebandAll": "true",
  "receive.advertisePushOptions": "true",
  "transfer.advertiseSID": "true",
};

async function createOn(
  server: CaseSubject,
  name: string,
  objectFormat: ObjectFormat,
): Promise<void> {
  await server.createRepository(name, { objectFormat });
  if (!(server instanceof GitHttpBackendServer)) return;
  for (const [setting, value] of Object.entries(ORACLE_SETTINGS)) {
    await git(["-C", server.path(name), "config", setting, value]);
  }
}

/** The world of one case. */
export class CaseContext implements AsyncDisposable {
  readonly transport: Transport;
  readonly objectFormat: ObjectFormat;
  readonly temp: TemporaryDirectory;
  readonly #server: CaseServer;
  readonly #clones: string[] = [];

  private constructor(
    server: CaseServer,
    options: { readonly transport: Transport; readonly objectFormat: ObjectFormat },
    temp: TemporaryDirectory,
  ) {
    this.#server = server;
    this.transport = options.transport;
    this.objectFormat = options.objectFormat;
    this.temp = temp;
  }

  /** Opens the world of a case. */
  static async open(
    server: CaseServer,
    options: { readonly transport: Transport; readonly objectFormat: ObjectFormat },
  ): Promise<CaseContext> {
    return new CaseContext(server, options, await temporaryDirectory());
  }

  /** The private key that clients log in with. */
  get sshKey(): string {
    return this.#server.sshKey;
  }

  /** `http://host:port`, for requests that no git client makes. */
  get origin(): string {
    return this.#server.server.origin;
  }

  /** An id that names nothing. */
  get unknownOid(): string {
    return "12".repeat(this.objectFormat === "sha1" ? 20 : 32);
  }

  /** The id that stands for "absent". */
  get zeroOid(): string {
    return "0".repeat(this.objectFormat === "sha1" ? 40 : 64);
  }

  /** Clone URL over the case's transport. */
  url(name: string): string {
    const { server } = this.#server;
    return this.transport === "ssh" ? server.sshUrl!(name) : server.url(name);
  }

  /** URL of a repository over HTTP, whatever the case's transport. */
  httpUrl(name: string): string {
    return this.#server.server.url(name);
  }

  /** The generated history that all cases read and none changes. */
  async history(): Promise<PushedRepository> {
    const { name, source } = await this.#server.history(this.objectFormat);
    return { name, source, url: this.url(name) };
  }

  /** An empty repository of the case's own. */
  async empty(): Promise<ServedRepository> {
    const name = `case/r${this.#server.next()}`;
    await createOn(this.#server.server, name, this.objectFormat);
    return { name, url: this.url(name) };
  }

  /** Changes the settings of a repository. */
  async change(repository: ServedRepository, change: RepositoryChange): Promise<void> {
    await changeRepository(this.#server.server, repository.name, change);
  }

  /** A name that no repository has. */
  freeName(): string {
    return `free/n${this.#server.next()}`;
  }

  /** A new local work tree with a remote `origin`; an unsound one is not checked at the end. */
  async workTree(
    repository: ServedRepository,
    options: { readonly unsound?: boolean } = {},
  ): Promise<string> {
    const path = this.temp.join(`work-${this.#server.next()}`);
    await this.git([
      "init",
      "-q",
      `--object-format=${this.objectFormat}`,
      "--initial-branch=main",
      path,
    ]);
    await this.git(["-C", path, "remote", "add", "origin", repository.url]);
    if (options.unsound !== true) this.#clones.push(path);
    return path;
  }

  /** A repository of the case's own with three commits on `main`, and the work tree they came from. */
  async seeded(): Promise<ServedRepository & { readonly work: string }> {
    const repository = await this.empty();
    const work = await this.workTree(repository);
    for (const number of [1, 2, 3]) await this.commit(work, `file${number}.txt`);
    await this.git(["-C", work, "push", "-q", "origin", "main"]);
    return { ...repository, work };
  }

  /** Writes a file and commits it; the commit's id. */
  async commit(work: string, path: string, content?: string | Uint8Array): Promise<string> {
    const full = `${work}/${path}`;
    await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
    const bytes = content ?? `${path} ${this.#server.next()}\n`;
    if (typeof bytes === "string") await Deno.writeTextFile(full, bytes);
    else await Deno.writeFile(full, bytes);
    await this.git(["-C", work, "add", "--", path]);
    await this.git(["-C", work, "commit", "-q", "-m", `write ${path}`]);
    return await this.text(["-C", work, "rev-parse", "HEAD"]);
  }

  /** Clones; the copy is checked when the case ends. */
  async clone(repository: { readonly url: string }, ...flags: string[]): Promise<string> {
    const path = this.temp.join(`copy-${this.#server.next()}`);
    await this.git(["clone", "-q", ...flags, repository.url, path]);
    this.#clones.push(path);
    return path;
  }

  /** Runs git as a client. */
  async git(args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
    return await git(args, {
      ...options,
      env: { ...this.#server.environment, ...options.env },
    });
  }

  /** The trimmed output of a git command. */
  async text(args: readonly string[], options: GitOptions = {}): Promise<string> {
    return (await this.git(args, options)).stdout.trim();
  }

  /** The lines of a git command's output. */
  async lines(args: readonly string[], options: GitOptions = {}): Promise<string[]> {
    return (await this.text(args, options)).split("\n").filter((line) => line !== "");
  }

  /** Fails unless git fails with a message like this; everything that it printed. */
  async refused(
    args: readonly string[],
    message: RegExp,
    options: GitOptions = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await this.git(args, { ...options, anyExit: true });
    assert.notEqual(code, 0, `git ${args.join(" ")} was to fail\n${stdout}${stderr}`);
    assert.match(`${stdout}${stderr}`, message);
    return `${stdout}${stderr}`;
  }

  /** Runs git and answers the packets that it saw, one in a line: `packet: fetch< …`. */
  async packets(args: readonly string[], options: GitOptions = {}): Promise<string> {
    const env = { ...options.env, GIT_TRACE_PACKET: "1" };
    return (await this.git(args, { ...options, env })).stderr;
  }

  /** What a reference points at on the server; undefined when there is no such reference. */
  async remoteOid(repository: { readonly url: string }, name: string): Promise<string | undefined> {
    const line = await this.text(["ls-remote", repository.url, name]);
    return line === "" ? undefined : line.split("\t")[0];
  }

  /** Ids of all objects that a repository holds itself, with their types. */
  async held(path: string): Promise<Map<string, string>> {
    const rows = await this.lines([
      "-C",
      path,
      "cat-file",
      "--batch-all-objects",
      "--batch-check=%(objectname) %(objecttype)",
    ]);
    return new Map(rows.map((row) => row.split(" ") as [string, string]));
  }

  /** Fails unless everything that was cloned is sound. */
  async assertSoundClones(): Promise<void> {
    for (const clone of this.#clones) await assertSound(clone);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.temp[Symbol.asyncDispose]();
  }
}
