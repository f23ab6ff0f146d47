/**
 * Generated repositories: seeded histories through `git fast-import`, so that tests need nothing
 * beyond git and every run sees the same objects.
 *
 * @module
 */

import { git } from "./git.ts";
import { SeededRandom } from "./seeded_random.ts";

/** Shape of a generated history. */
export interface HistoryOptions {
  readonly seed: number;
  readonly commits: number;
  /** Branches that are worked on and merged; at least 1. */
  readonly branches?: number;
  /** Files touched over the history. */
  readonly files?: number;
  readonly objectFormat?: "sha1" | "sha256";
}

/** Initialises an empty repository and answers its path. */
export async function initRepository(
  path: string,
  options: { readonly bare?: boolean; readonly objectFormat?: "sha1" | "sha256" } = {},
): Promise<string> {
  await git([
    "init",
    "-q",
    ...(options.bare === true ? ["--bare"] : []),
    `--object-format=${options.objectFormat ?? "sha1"}`,
    "--initial-branch=main",
    path,
  ]);
  return path;
}

/**
 * Makes a bare repository with branches, merges, renames, edits of growing text files (which delta
 * well), binary files, lightweight, annotated and nested tags.
 */
export async function generateHistory(path: string, options: HistoryOptions): Promise<string> {
  await initRepository(path, {
    bare: true,
    ...(options.objectFormat === undefined ? {} : { objectFormat: options.objectFormat }),
  });
  await fastImport(path, new HistoryWriter(options).write());
  await git(["-C", path, "symbolic-ref", "HEAD", "refs/heads/main"]);
  return path;
}

/** Feeds a stream of `git fast-import` commands to a repository. */
export async function fastImport(path: string, stream: string | Uint8Array): Promise<void> {
  await git(["-C", path, "fast-import", "--quiet", "--force", "--date-format=raw"], {
    stdin: stream,
  });
}

const encoder = new TextEncoder();

/** Collects `fast-import` commands. */
export class FastImportStream {
  #parts: Uint8Array[] = [];

  /** One line of a command. */
  line(text: string): this {
    this.#parts.push(encoder.encode(`${text}\n`));
    return this;
  }

  /** A `data` command with its bytes. */
  data(content: string | Uint8Array): this {
    const bytes = typeof content === "string" ? encoder.encode(content) : content;
    this.#parts.push(encoder.encode(`data ${bytes.length}\n`), bytes, encoder.encode("\n"));
    return this;
  }

  /** The whole stream. */
  bytes(): Uint8Array {
    const total = this.#parts.reduce((sum, part) => sum + part.length, 0);
    const all = new Uint8Array(total);
    let position = 0;
    for (const part of this.#parts) {
      all.set(part, position);
      position += part.length;
    }
    return all;
  }
}

class HistoryWriter {
  readonly #random: SeededRandom;
  readonly #stream = new FastImportStream();
  readonly #options: Required<Omit<HistoryOptions, "objectFormat">>;
  /** Text of every path, by branch. */
  readonly #trees: Map<string, string>[] = [];
  readonly #tips: number[] = [];
  #mark = 0;
  #time = 1_600_000_000;

  constructor(options: HistoryOptions) {
    this.#options = { branches: 3, files: 40, ...options };
    this.#random = new SeededRandom(options.seed);
  }

  write(): Uint8Array {
    this.#commit(0, "root", []);
    for (let branch = 1; branch < this.#options.branches; branch++) {
      this.#trees[branch] = new Map(this.#trees[0]);
      this.#tips[branch] = this.#tips[0]!;
    }
    for (let number = 1; number < this.#options.commits; number++) this.#step(number);
    for (let branch = 0; branch < this.#options.branches; branch++) {
      const name = branch === 0 ? "main" : `topic/${branch}`;
      this.#stream.line(`reset refs/heads/${name}`).line(`from :${this.#tips[branch]}`).line("");
    }
    this.#tags();
    return this.#stream.bytes();
  }

  #step(number: number): void {
    const branch = this.#random.below(this.#options.branches);
    const other = this.#random.below(this.#options.branches);
    const merges = branch !== other && this.#tips[other] !== this.#tips[branch] &&
      this.#random.below(6) === 0;
    this.#commit(branch, `change ${number}`, merges ? [this.#tips[other]!] : []);
  }

  #commit(branch: number, message: string, merged: readonly number[]): void {
    const tree = this.#trees[branch] ??= new Map();
    this.#time += 1 + this.#random.below(600);
    const mark = ++this.#mark;
    this.#stream
      .line(`commit refs/heads/build-${branch}`)
      .line(`mark :${mark}`)
      .line(`author A U Thor <author@example.com> ${this.#time} +0100`)
      .line(`committer C O Mitter <committer@example.com> ${this.#time} -0330`)
      .data(`${message}\n\nSeed ${this.#options.seed}, branch ${branch}.\n`);
    if (this.#tips[branch] !== undefined) this.#stream.line(`from :${this.#tips[branch]}`);
    for (const parent of merged) this.#stream.line(`merge :${parent}`);
    for (let edits = 1 + this.#random.below(3); edits > 0; edits--) this.#edit(tree);
    this.#stream.line("");
    this.#tips[branch] = mark;
  }

  #edit(tree: Map<string, string>): void {
    const number = this.#random.below(this.#options.files);
    const path = `dir${number % 5}/sub${number % 3}/file${number}.txt`;
    const kind = this.#random.below(12);
    if (kind === 0 && tree.has(path)) {
      tree.delete(path);
      this.#stream.line(`D ${path}`);
    } else if (kind === 1 && tree.has(path)) {
      const renamed = `renamed/${this.#random.below(1000)}-file${number}.txt`;
      tree.set(renamed, tree.get(path)!);
      tree.delete(path);
      this.#stream.line(`R ${path} ${renamed}`);
    } else if (kind === 2) {
      const mode = this.#random.pick(["100755", "120000"]);
      this.#stream.line(`M ${mode} inline special/entry${number % 7}`).data(`target-${number}`);
    } else if (kind === 3) {
      this.#stream.line(`M 100644 inline bin/blob${number}`)
        .data(this.#random.bytes(200 + this.#random.below(20_000)));
    } else {
      this.#grow(tree, path);
    }
  }

  #grow(tree: Map<string, string>, path: string): void {
    const lines = (tree.get(path) ?? "").split("\n");
    const added = Array.from(
      { length: 1 + this.#random.below(20) },
      () => `line ${this.#random.below(1_000_000)} of a file that grows and changes`,
    );
    lines.splice(this.#random.below(lines.length), this.#random.below(3), ...added);
    const text = lines.join("\n");
    tree.set(path, text);
    this.#stream.line(`M 100644 inline ${path}`).data(text);
  }

  #tags(): void {
    const tagger = `tagger T Agger <tagger@example.com> ${this.#time} +0000`;
    const commit = 1 + this.#random.below(this.#mark);
    this.#stream.line("reset refs/tags/light").line(`from :${commit}`).line("");
    const inner = ++this.#mark;
    this.#stream.line("tag annotated").line(`mark :${inner}`).line(`from :${commit}`).line(tagger)
      .data("an annotated tag\n");
    this.#stream.line("tag nested").line(`from :${inner}`).line(tagger).data("a tag of a tag\n");
  }
}
