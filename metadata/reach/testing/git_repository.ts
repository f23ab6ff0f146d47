/**
 * A real git repository for tests: the source of pushes and the oracle for answers.
 *
 * @module
 */

import type { ObjectFormat, Oid } from "@gitstratum/core/git";

/** The outcome of a git command. */
export interface GitOutcome {
  readonly code: number;
  readonly output: Uint8Array;
  readonly error: string;
}

/** A bare repository in a directory of its own. */
export class GitRepository implements AsyncDisposable {
  /** Where it is. */
  readonly directory: string;
  /** Its hash function. */
  readonly format: ObjectFormat;

  private constructor(directory: string, format: ObjectFormat) {
    this.directory = directory;
    this.format = format;
  }

  /** Makes an empty repository. */
  static async create(format: ObjectFormat): Promise<GitRepository> {
    const directory = await Deno.makeTempDir({ prefix: "gitstratum-reach-" });
    const repository = new GitRepository(directory, format);
    await repository.run(["init", "-q", "--bare", `--object-format=${format}`, "."]);
    return repository;
  }

  /** Opens an existing one; disposing it removes nothing. */
  static open(directory: string, format: ObjectFormat): GitRepository {
    return new GitRepository(directory, format);
  }

  /** Runs git; any exit code is an outcome. */
  async try(args: readonly string[], input: Uint8Array | string = ""): Promise<GitOutcome> {
    const child = new Deno.Command("git", {
      args: [...args],
      cwd: this.directory,
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "",
        HOME: this.directory,
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_AUTHOR_NAME: "A",
        GIT_AUTHOR_EMAIL: "a@example.org",
        GIT_COMMITTER_NAME: "C",
        GIT_COMMITTER_EMAIL: "c@example.org",
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
    const feeding = feed(child.stdin, bytes);
    const { code, stdout, stderr } = await child.output();
    await feeding;
    return { code, output: stdout, error: new TextDecoder().decode(stderr) };
  }

  /** Runs git; any exit code but 0 is a failure. */
  async run(args: readonly string[], input: Uint8Array | string = ""): Promise<Uint8Array> {
    const { code, output, error } = await this.try(args, input);
    if (code !== 0) throw new Error(`git ${args.join(" ")} failed with ${code}: ${error}`);
    return output;
  }

  /** The output of git as lines. */
  async lines(args: readonly string[], input: Uint8Array | string = ""): Promise<string[]> {
    const text = new TextDecoder().decode(await this.run(args, input));
    return text.split("\n").filter((line) => line !== "");
  }

  /** The id that a name stands for. */
  async oid(name: string): Promise<Oid> {
    const [oid] = await this.lines(["rev-parse", "--verify", name]);
    return oid as Oid;
  }

  /** All references with their ids. */
  async references(): Promise<Map<string, Oid>> {
    const lines = await this.lines(["for-each-ref", "--format=%(refname) %(objectname)"]);
    return new Map(lines.map((line) => line.split(" ") as [string, Oid]));
  }

  /** Ids that `rev-list --objects` lists. */
  async reachable(args: readonly string[], input = ""): Promise<Set<Oid>> {
    const lines = await this.lines(["rev-list", "--objects", ...args, "--stdin"], input);
    return new Set(lines.map((line) => line.split(" ", 1)[0] as Oid));
  }

  /** The id of an object. */
  async hash(type: string, bytes: Uint8Array): Promise<Oid> {
    const text = await this.run(["hash-object", "-t", type, "--literally", "--stdin"], bytes);
    return new TextDecoder().decode(text).trim() as Oid;
  }

  /** Removes the directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

async function feed(
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
  bytes: Uint8Array,
): Promise<void> {
  try {
    await new Blob([Uint8Array.from(bytes)]).stream().pipeTo(stdin);
  } catch (error) {
    // A command that ends without reading its input is judged by its exit code.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
