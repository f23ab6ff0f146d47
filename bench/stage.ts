/**
 * What benchmarks share: repositories, what each system stored of them, and running peers. Each part
 * is made when it is first asked for, because making it is itself a measurement of a push.
 *
 * @module
 */

import { git, gitText } from "../tests/harness/git.ts";
import type { BenchOptions } from "./bench_options.ts";
import { labelOf } from "./bench_options.ts";
import { clonedPack, listReferences, rawClone } from "./load/clone.ts";
import { exchangeFile, parseAnswer, touchedBuffer } from "./load/http_exchange.ts";
import { PUSH_HEADERS, requirePushed } from "./load/push_request.ts";
import { findGitWebPrograms, GitWebServer } from "./servers/git_web_server.ts";
import { measureGit } from "./servers/local_command.ts";
import { type Cost, measure } from "./servers/metered_server.ts";
import { MeteredGitStratum } from "./servers/metered_gitstratum.ts";
import { generateLarge, generateText } from "./sources/generated.ts";
import { prepareSource, type Source } from "./sources/source.ts";
import { verify } from "./verify.ts";

/** What GitStratum stored. */
export interface StoredByUs {
  readonly dataDirectory: string;
  /** Name of the repository. */
  readonly repository: string;
  readonly push: Cost;
}

/** What git stored. */
export interface StoredByGit {
  /** As pushed; a name for {@link GitWebServer}. */
  readonly plain: string;
  /** After `git repack -adb` and `git commit-graph write --reachable`. */
  readonly tuned: string;
  /** Directory of `plain`. */
  readonly directory: string;
  /** `git receive-pack` as a whole. */
  readonly receivePack: Cost;
}

/** Answers are a little larger than packs: framing, and deltas that were made whole. */
const ANSWER_SLACK_BYTES = 32 * 1024 * 1024;

/** Whether both map the same names to the same ids. */
function equalReferences(
  one: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): boolean {
  return one.size === other.size && [...one].every(([name, oid]) => other.get(name) === oid);
}

/** Shared state of a run; removes what it made, apart from a scratch directory that was given. */
export class Stage implements AsyncDisposable {
  /** Everything is made below. */
  readonly directory: string;
  readonly #options: BenchOptions;
  readonly #removes: boolean;
  readonly #made = new Map<string, Promise<unknown>>();

  private constructor(directory: string, options: BenchOptions) {
    this.directory = directory;
    this.#options = options;
    this.#removes = options.scratch === undefined;
  }

  /** Makes the directory. */
  static async open(options: BenchOptions): Promise<Stage> {
    const prefix = "gitstratum-bench-";
    const directory = options.scratch === undefined
      ? await Deno.makeTempDir({ prefix })
      : await Deno.makeTempDir({ prefix, dir: options.scratch });
    await Deno.mkdir(`${directory}/sources`);
    return new Stage(directory, options);
  }

  /** The repositories of the run: those given, or a generated one. */
  sources(): Promise<readonly Source[]> {
    return this.#once("sources", async () => {
      const directory = `${this.directory}/sources`;
      const paths = this.#options.repositories.length > 0 ? this.#options.repositories : [
        await generateText(`${directory}/generated.git`, this.#options.sizes.generatedCommits),
      ];
      const sources: Source[] = [];
      for (const path of paths) {
        sources.push(await prepareSource(path, { label: labelOf(path), directory }));
      }
      return sources;
    });
  }

  /** A repository of incompressible blobs. */
  large(): Promise<Source> {
    return this.#once("large", async () => {
      const directory = `${this.directory}/sources`;
      const path = await generateLarge(`${directory}/large.git`, this.#options.sizes.largeBytes);
      return await prepareSource(path, { label: "large", directory });
    });
  }

  /** Pushes a source to a GitStratum of its own, once, and proves what arrived. */
  ours(source: Source): Promise<StoredByUs> {
    return this.#once(`ours ${source.label}`, async () => {
      const dataDirectory = `${this.directory}/ours-${source.label}`;
      const repository = `bench/${source.label}`;
      await using server = await MeteredGitStratum.start(dataDirectory);
      await server.createRepository(repository, source.defaultBranch);
      const path = server.path(repository);
      const push = await measure(server, () =>
        exchangeFile(server.address, {
          method: "POST",
          path: `${path}/git-receive-pack`,
          headers: PUSH_HEADERS,
          file: source.pushFile,
        }));
      requirePushed(parseAnswer(push.value), source.references.size);
      await this.#proveClone(source, { address: server.address, path });
      return { dataDirectory, repository, push };
    });
  }

  /**
   * Starts a fresh process over what {@link ours} stored: as users do, or one that does not get ready
   * for what was used before.
   */
  async startOurs(
    source: Source,
    options: { readonly isWarm?: boolean } = {},
  ): Promise<{ server: MeteredGitStratum; path: string }> {
    const stored = await this.ours(source);
    const server = await MeteredGitStratum.start(stored.dataDirectory, options);
    return { server, path: server.path(stored.repository) };
  }

  /** nginx and git, or nothing where they are not installed. */
  web(): Promise<GitWebServer | undefined> {
    return this.#once("web", async () => {
      const programs = await findGitWebPrograms();
      if ("missing" in programs) {
        console.log(`Left out, not installed: ${programs.missing.join(", ")}`);
        return undefined;
      }
      return await GitWebServer.start(`${this.directory}/web`, programs);
    });
  }

  /** Pushes a source to git, once. Works without nginx. */
  git(source: Source): Promise<StoredByGit> {
    return this.#once(`git ${source.label}`, async () => {
      const repositories = `${this.directory}/web/repositories`;
      const plain = `plain/${source.label}`;
      const tuned = `tuned/${source.label}`;
      const directory = `${repositories}/${plain}.git`;
      await initServed(directory, source.defaultBranch);
      const args = ["receive-pack", "--stateless-rpc", directory];
      const receivePack = await measureGit(args, source.pushFile);
      const refs = await gitText([
        "-C",
        directory,
        "for-each-ref",
        "--format=%(objectname) %(refname)",
      ]);
      const expected = [...source.references].map(([name, oid]) => `${oid} ${name}`);
      const stored = refs.split("\n").filter((line) => line !== "");
      verify(stored.toSorted().join() === expected.toSorted().join(), "references after a push");
      await tune(directory, `${repositories}/${tuned}.git`);
      return { plain, tuned, directory, receivePack };
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const web = await (this.#made.get("web") as Promise<GitWebServer | undefined> | undefined);
    await web?.[Symbol.asyncDispose]();
    if (this.#removes) await Deno.remove(this.directory, { recursive: true });
  }

  #once<T>(key: string, make: () => Promise<T>): Promise<T> {
    let made = this.#made.get(key) as Promise<T> | undefined;
    if (made === undefined) {
      made = make();
      this.#made.set(key, made);
    }
    return made;
  }

  /** Clones and lets git look at every object and walk from every reference. */
  async #proveClone(
    source: Source,
    target: { address: Deno.NetAddr | { hostname: string; port: number }; path: string },
  ): Promise<void> {
    const listed = await listReferences(target, ["refs/"]);
    verify(equalReferences(listed, source.references), "references after a push");
    const clone = await rawClone(target, {}, answerBuffer(source));
    const pack = clonedPack(clone);
    verify(pack.objectCount === source.objectCount, "objects in a clone");
    const repository = `${this.directory}/proof.git`;
    const file = `${this.directory}/proof.pack`;
    await Deno.writeFile(file, pack.bytes);
    await git(["init", "-q", "--bare", repository]);
    await measureGit(["-C", repository, "index-pack", "--stdin"], file);
    await writePackedReferences(repository, source.references);
    const counted = await gitText(["-C", repository, "rev-list", "--objects", "--all", "--count"]);
    verify(Number(counted) === source.objectCount, "objects reached in a clone");
    await Deno.remove(repository, { recursive: true });
    await Deno.remove(file);
  }
}

/** A buffer that an answer with a source's whole pack fits in. */
export function answerBuffer(source: Source): Uint8Array<ArrayBuffer> {
  return touchedBuffer(Math.ceil(source.packBytes * 1.1) + ANSWER_SLACK_BYTES);
}

/** Makes a bare repository that git's server lets everybody read and write. */
export async function initServed(directory: string, defaultBranch: string): Promise<void> {
  await git(["init", "-q", "--bare", `--initial-branch=${defaultBranch}`, directory]);
  for (const name of ["http.receivepack", "uploadpack.allowFilter"]) {
    await git(["-C", directory, "config", name, "true"]);
  }
}

/** Writes all references of a repository at once, as `git pack-refs` leaves them. */
export async function writePackedReferences(
  repository: string,
  references: ReadonlyMap<string, string>,
): Promise<void> {
  const lines = [...references].map(([name, oid]) => `${oid} ${name}\n`)
    .sort((one, other) => one.slice(41) < other.slice(41) ? -1 : 1);
  await Deno.writeTextFile(
    `${repository}/packed-refs`,
    `# pack-refs with: sorted\n${lines.join("")}`,
  );
}

/** Copies a repository and does what git's documentation advises servers to do. */
async function tune(plain: string, tuned: string): Promise<void> {
  await git(["clone", "-q", "--mirror", "--no-hardlinks", plain, tuned]);
  await git(["-C", tuned, "config", "uploadpack.allowFilter", "true"]);
  await git(["-C", tuned, "repack", "-adbq"]);
  await git(["-C", tuned, "commit-graph", "write", "--reachable"]);
}
