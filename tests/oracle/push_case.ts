/**
 * Random pushes, each from one seed: commands, flags, and a pack that may be right or wrong.
 *
 * @module
 */

import { git } from "../harness/git.ts";
import type { SeededRandom } from "../harness/seeded_random.ts";
import { joined } from "./packets.ts";

/** What pushes are drawn from. */
export interface PushMaterial {
  readonly objectFormat: "sha1" | "sha256";
  /** The bare repository that has every object. */
  readonly source: string;
  /** Commits, newest first. */
  readonly commits: readonly string[];
  /** Annotated tags. */
  readonly tags: readonly string[];
  /** Objects that git's checks refuse or accept with a warning; each with all that it needs. */
  readonly odd: readonly (readonly [string, ...string[]])[];
}

/** One command. */
export interface PushCommand {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** What happens to the pack on its way. */
export type PackFault =
  | "none"
  | "empty"
  | "truncated"
  | "flipped"
  | "count"
  | "trailer"
  | "absent";

/** One push. */
export interface PushCase {
  readonly commands: readonly PushCommand[];
  readonly flags: readonly string[];
  readonly options: readonly string[];
  /** Commits that the pack leaves out although the server may lack them. */
  readonly assumed: readonly string[];
  readonly thin: boolean;
  readonly fault: PackFault;
  /** Where a fault strikes: a part of the pack's length. */
  readonly at: number;
}

const NAMES: readonly string[] = [
  "refs/heads/main",
  "refs/heads/one",
  "refs/heads/two",
  "refs/heads/dir/one",
  "refs/heads/dir",
  "refs/heads/dir/one/deep",
  "refs/tags/v1",
  "refs/notes/n",
];
/** Below what both servers hide. */
const HIDDEN_NAME = "refs/hidden/x";
/** Not HEAD: git takes it for the branch it points at, GitStratum for no name of a reference. */
const BAD_NAMES: readonly string[] = [
  "refs/heads/a..b",
  "refs/heads/x.lock",
  "refs/heads/",
  "refs/heads/sp ace",
  "heads/main",
  "refs/heads/a~1",
  "refs/heads/.hidden",
  "refs/heads/@{x}",
];
/** No garbage behind a pack: git ignores it on a pipe, GitStratum refuses it. */
const FAULTS: readonly PackFault[] = [
  "empty",
  "truncated",
  "flipped",
  "count",
  "trailer",
  "absent",
];

/** Draws one push over the server's present references. */
export function drawPush(
  random: SeededRandom,
  material: PushMaterial,
  present: ReadonlyMap<string, string>,
): PushCase {
  return new PushDraw(random, material, present).draw();
}

class PushDraw {
  readonly #random: SeededRandom;
  readonly #material: PushMaterial;
  readonly #present: ReadonlyMap<string, string>;

  constructor(
    random: SeededRandom,
    material: PushMaterial,
    present: ReadonlyMap<string, string>,
  ) {
    this.#random = random;
    this.#material = material;
    this.#present = present;
  }

  draw(): PushCase {
    const count = this.#random.pick([1, 1, 1, 2, 3]);
    // A name comes once: git carries repeated ones out in an order that depends on its version.
    const commands = [
      ...new Map(
        Array.from({ length: count }, () => this.#command()).map((each) => [each.name, each]),
      )
        .values(),
    ];
    // GitStratum deletes first, so that a directory can take a branch's place in one push.
    commands.sort((left, right) => Number(/[^0]/.test(left.to)) - Number(/[^0]/.test(right.to)));
    const flags = [this.#random.pick(["report-status", "report-status-v2", "report-status-v2"])];
    for (const flag of ["side-band-64k", "quiet"]) if (!this.#chance(4)) flags.push(flag);
    // What an atomic push makes of a hidden name differs, and ends a run.
    const isHidden = commands.some(({ name }) => name === HIDDEN_NAME);
    const isAtomic = this.#chance(3) && (!isHidden || this.#chance(6));
    if (isAtomic && !commands.some((command) => this.#deletesOther(command))) {
      flags.push("atomic");
    }
    const options = this.#chance(6) ? ["one", "two=2"] : [];
    if (options.length > 0) flags.push("push-options");
    flags.push(`object-format=${this.#material.objectFormat}`, "agent=oracle/1");
    const assumed = this.#chance(8) ? [this.#random.pick(this.#material.commits)] : [];
    return {
      // Git fails a whole push for a missing object, GitStratum the commands that need it.
      commands: assumed.length > 0 ? commands.slice(0, 1) : commands,
      flags,
      options,
      assumed,
      thin: this.#chance(2),
      fault: this.#chance(5) ? this.#random.pick(FAULTS) : "none",
      at: this.#random.next(),
    };
  }

  #chance(of: number): boolean {
    return this.#random.below(of) === 0;
  }

  get #zero(): string {
    return "0".repeat(this.#material.objectFormat === "sha1" ? 40 : 64);
  }

  #command(): PushCommand {
    const plain = this.#random.pick(this.#chance(10) ? BAD_NAMES : NAMES);
    const name = this.#chance(20) ? HIDDEN_NAME : plain;
    const from = this.#chance(12)
      ? this.#random.pick([...this.#material.commits, this.#zero])
      : this.#present.get(name) ?? this.#zero;
    const to = this.#target();
    // From nothing to nothing is no command that a client sends, and git locks the name for it.
    return { name, from, to: /^0+$/.test(from + to) ? this.#material.commits[0]! : to };
  }

  /** Whether a command deletes something else than what is there: git does, in an atomic push too. */
  #deletesOther({ name, from, to }: PushCommand): boolean {
    return /^0+$/.test(to) && this.#present.get(name) !== from;
  }

  #target(): string {
    const { commits, tags, odd } = this.#material;
    if (this.#chance(5)) return this.#zero;
    if (this.#chance(6)) return this.#random.pick(odd)[0];
    return this.#random.pick(this.#chance(8) ? tags : commits);
  }
}

function line(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  const head = new TextEncoder().encode((bytes.length + 4).toString(16).padStart(4, "0"));
  return joined([head, bytes]);
}

/** The body of the request. */
export async function pushBody(
  pushCase: PushCase,
  material: PushMaterial,
  present: ReadonlyMap<string, string>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { commands, flags, options } = pushCase;
  const flush = new TextEncoder().encode("0000");
  const lines = commands.map(({ name, from, to }, at) =>
    line(`${from} ${to} ${name}${at === 0 ? `\0 ${flags.join(" ")}` : ""}`)
  );
  const creates = commands.some(({ to }) => /[^0]/.test(to));
  return joined([
    ...lines,
    flush,
    ...(options.length === 0 ? [] : [...options.map(line), flush]),
    ...(creates && pushCase.fault !== "absent"
      ? [spoiled(await packOf(pushCase, material, present), pushCase)]
      : []),
  ]);
}

/** The pack that a client would make. */
async function packOf(
  pushCase: PushCase,
  material: PushMaterial,
  present: ReadonlyMap<string, string>,
): Promise<Uint8Array> {
  const odd = new Map(material.odd.map((each) => [each[0], each]));
  const targets = pushCase.commands.map(({ to }) => to).filter((to) => /[^0]/.test(to));
  const wanted = targets.filter((to) => !odd.has(to));
  const revisions = [
    ...wanted,
    ...[...present.values(), ...pushCase.assumed].map((oid) => `^${oid}`),
  ];
  const listing = wanted.length === 0 || pushCase.fault === "empty" ? "" : (await git(
    ["-C", material.source, "rev-list", "--objects", "--no-object-names", "--stdin"],
    { stdin: `${revisions.filter((oid) => !odd.has(oid.slice(1))).join("\n")}\n` },
  )).stdout;
  const extra = pushCase.fault === "empty" ? [] : targets.flatMap((to) => odd.get(to) ?? []);
  const flags = [
    "--stdout",
    "-q",
    "--delta-base-offset",
    ...(pushCase.thin ? ["--window=20"] : []),
  ];
  return await packObjects(material.source, flags, [
    ...new Set([...extra, ...listing.split("\n")]),
  ]);
}

async function packObjects(
  source: string,
  flags: readonly string[],
  oids: readonly string[],
): Promise<Uint8Array> {
  const child = new Deno.Command("git", {
    args: ["-C", source, "pack-objects", ...flags],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const input = oids.filter((oid) => oid !== "").map((oid) => `${oid}\n`).join("");
  const fed = new Blob([input]).stream().pipeTo(child.stdin);
  const [{ stdout, success }] = await Promise.all([child.output(), fed]);
  if (!success) throw new Error("git pack-objects failed");
  return stdout;
}

function spoiled(pack: Uint8Array, { fault, at }: PushCase): Uint8Array {
  const bytes = Uint8Array.from(pack);
  const place = 12 + Math.floor(at * (bytes.length - 12));
  switch (fault) {
    case "truncated":
      return bytes.subarray(0, place);
    case "flipped":
      bytes[Math.min(place, bytes.length - 1)]! ^= 0x10;
      return bytes;
    case "count":
      bytes[11]! += 1;
      return bytes;
    case "trailer":
      bytes[bytes.length - 1]! ^= 1;
      return bytes;
    case "none":
    case "empty":
    case "absent":
      return bytes;
  }
}
