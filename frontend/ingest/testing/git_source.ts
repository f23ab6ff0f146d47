/**
 * The real git as a source and judge of packs, for tests.
 *
 * @module
 */

import assert from "node:assert/strict";

const ENVIRONMENT: Readonly<Record<string, string>> = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "A",
  GIT_AUTHOR_EMAIL: "a@example.com",
  GIT_AUTHOR_DATE: "1700000000 +0000",
  GIT_COMMITTER_NAME: "C",
  GIT_COMMITTER_EMAIL: "c@example.com",
  GIT_COMMITTER_DATE: "1700000000 +0000",
  LC_ALL: "C",
};

/** What a run of git said. */
export interface GitOutcome {
  readonly success: boolean;
  readonly stdout: Uint8Array<ArrayBuffer>;
  readonly stderr: string;
}

/** A bare repository in a temporary directory. */
export class GitSource implements AsyncDisposable {
  /** Path of the repository. */
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes an empty repository. */
  static async create(format: "sha1" | "sha256" = "sha1"): Promise<GitSource> {
    const path = await Deno.makeTempDir({ prefix: "ingest-git-" });
    const source = new GitSource(path);
    await source.run(["init", "-q", "--bare", `--object-format=${format}`, path]);
    return source;
  }

  /** Runs git in the repository; returns its output whatever it is. */
  async try(args: readonly string[], input: Uint8Array | string = ""): Promise<GitOutcome> {
    const child = new Deno.Command("git", {
      args: [...args],
      cwd: this.path,
      env: { ...ENVIRONMENT },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
    const [output] = await Promise.all([child.output(), feed(child.stdin, bytes)]);
    const stderr = new TextDecoder().decode(output.stderr);
    return { success: output.success, stdout: output.stdout, stderr };
  }

  /** Runs git in the repository, which must succeed; returns its output. */
  async run(
    args: readonly string[],
    input: Uint8Array | string = "",
  ): Promise<Uint8Array<ArrayBuffer>> {
    const outcome = await this.try(args, input);
    assert.ok(outcome.success, `git ${args.join(" ")}: ${outcome.stderr}`);
    return outcome.stdout;
  }

  /** Runs git in the repository, which must succeed; returns its output as trimmed text. */
  async text(args: readonly string[], input: Uint8Array | string = ""): Promise<string> {
    return new TextDecoder().decode(await this.run(args, input)).trim();
  }

  /** Writes an object; returns its id. */
  writeObject(type: string, bytes: Uint8Array | string): Promise<string> {
    return this.text(["hash-object", "--literally", "-w", "-t", type, "--stdin"], bytes);
  }

  /** A pack of everything that references reach. */
  packAll(options: readonly string[] = []): Promise<Uint8Array<ArrayBuffer>> {
    return this.run(
      ["pack-objects", "-q", "--stdout", "--all", "--delta-base-offset", ...options],
    );
  }

  /** A pack of what the revisions reach (`^a` leaves out what a reaches). */
  pack(
    revisions: readonly string[],
    options: readonly string[] = [],
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.run(
      ["pack-objects", "-q", "--stdout", "--revs", "--delta-base-offset", ...options],
      `${revisions.join("\n")}\n`,
    );
  }

  /** Removes the repository. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

async function feed(stdin: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(bytes);
    await writer.close();
  } catch (error) {
    // Git may refuse its input before it has read all of it.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** A linear history of `commits` commits over some files that change a little each time. */
export function fastImportHistory(
  commits: number,
  options: { readonly lines?: number } = {},
): string {
  const { lines = 200 } = options;
  let stream = "";
  let seed = 1;
  const next = () => seed = Math.imul(seed, 1103515245) + 12345 >>> 0;
  const body = Array.from({ length: lines }, (_, line) => `line ${line} ${next().toString(36)}`);
  for (let commit = 1; commit <= commits; commit++) {
    body[next() % lines] = `changed in ${commit} ${next().toString(36)}`;
    const files = { "big.txt": body.join("\n"), [`dir${commit % 7}/f${commit % 13}`]: `${next()}` };
    const message = `commit ${commit}\n`;
    stream += `commit refs/heads/main\ncommitter C <c@example.com> ${1.7e9 + commit} +0000\n`;
    stream += `data ${message.length}\n${message}`;
    for (const [name, text] of Object.entries(files)) {
      stream += `M 100644 inline ${name}\ndata ${text.length}\n${text}\n`;
    }
    stream += "\n";
  }
  stream += "tag v1\nfrom refs/heads/main\ntagger T <t@example.com> 1700000000 +0000\ndata 2\nv1\n";
  return stream;
}
