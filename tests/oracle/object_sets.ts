/**
 * Which objects a pack holds and which a client has, as git itself works it out.
 *
 * @module
 */

import { git } from "../harness/git.ts";

/** Objects of a pack. */
export interface PackObjects {
  readonly oids: ReadonlySet<string>;
  /** Objects outside the pack that its deltas build on. */
  readonly bases: ReadonlySet<string>;
  /** Entries; more than ids when one comes twice. */
  readonly entryCount: number;
}

/** A repository that borrows all objects of another, to look at packs and at clients' histories. */
export class ObjectSets {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes one in a new directory. */
  static async create(
    directory: string,
    source: { readonly directory: string; readonly objectFormat: string },
  ): Promise<ObjectSets> {
    await git(["init", "-q", "--bare", `--object-format=${source.objectFormat}`, directory]);
    await Deno.writeTextFile(
      `${directory}/objects/info/alternates`,
      `${source.directory}/objects\n`,
    );
    return new ObjectSets(directory);
  }

  /** What a pack holds. @throws when git finds it broken */
  async ofPack(pack: Uint8Array): Promise<PackObjects> {
    const entryCount = new DataView(pack.buffer, pack.byteOffset).getUint32(8);
    const indexPath = `${this.#directory}/answer.idx`;
    // --fix-thin puts the bases behind the pack's own entries.
    await git(["-C", this.#directory, "index-pack", "--stdin", "--fix-thin"], { stdin: pack });
    const packs = `${this.#directory}/objects/pack`;
    for await (const { name } of Deno.readDir(packs)) {
      if (name.endsWith(".idx")) await Deno.rename(`${packs}/${name}`, indexPath);
      else await Deno.remove(`${packs}/${name}`);
    }
    const { stdout } = await git(["-C", this.#directory, "show-index"], {
      stdin: await Deno.readFile(indexPath),
    });
    const rows = stdout.split("\n").filter((row) => row !== "").map((row) => row.split(" "));
    rows.sort((a, b) => Number(a[0]) - Number(b[0]));
    const oids = rows.map((row) => row[1]!);
    return {
      oids: new Set(oids.slice(0, entryCount)),
      bases: new Set(oids.slice(entryCount)),
      entryCount,
    };
  }

  /** Everything that a client has, given what it names and where its history ends. */
  async ofClient(haves: readonly string[], shallow: readonly string[]): Promise<Set<string>> {
    if (haves.length === 0) return new Set();
    const path = `${this.#directory}/shallow`;
    if (shallow.length > 0) {
      await Deno.writeTextFile(path, shallow.map((oid) => `${oid}\n`).join(""));
    }
    try {
      const { stdout } = await git(
        ["-C", this.#directory, "rev-list", "--objects", "--ignore-missing", "--stdin"],
        { stdin: haves.map((oid) => `${oid}\n`).join("") },
      );
      return new Set(stdout.split("\n").map((row) => row.split(" ")[0]!).filter((oid) => oid));
    } finally {
      if (shallow.length > 0) await Deno.remove(path);
    }
  }
}
