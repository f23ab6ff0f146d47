/**
 * Random fetches, each from one seed, and their bytes on the wire.
 *
 * @module
 */

import type { SeededRandom } from "../harness/seeded_random.ts";
import { line } from "./packets.ts";

/** What fetches are drawn from. */
export interface FetchMaterial {
  readonly objectFormat: "sha1" | "sha256";
  /** Values of references, tags included. */
  readonly tips: readonly string[];
  /** Every commit that references reach, newest first. */
  readonly commits: readonly string[];
  /** Parents of each commit. */
  readonly parents: ReadonlyMap<string, readonly string[]>;
  /** Annotated tags, and what each finally points at. */
  readonly tags: ReadonlyMap<string, string>;
  /** Trees and blobs that references reach. */
  readonly others: readonly string[];
  /** Full names. */
  readonly references: readonly string[];
  /** Ids of blobs with sparse patterns. */
  readonly sparse: readonly string[];
  /** Committer times in seconds, of the oldest and the newest commit. */
  readonly timesS: readonly [number, number];
}

/** One fetch. */
export interface FetchCase {
  readonly version: 0 | 1 | 2;
  readonly wants: readonly string[];
  readonly wantRefs: readonly string[];
  readonly haves: readonly string[];
  /** Those of the haves that nobody knows. */
  readonly unknown: readonly string[];
  readonly clientShallow: readonly string[];
  /** `deepen…` lines. */
  readonly deepen: readonly string[];
  readonly filter?: string;
  /** Capabilities in version 0 and 1, arguments in version 2. */
  readonly flags: readonly string[];
  readonly done: boolean;
  /** Lines that break the protocol, or try to. */
  readonly oddities: readonly string[];
  readonly objectFormat: "sha1" | "sha256";
}

/** Draws one fetch. */
export function drawFetch(random: SeededRandom, material: FetchMaterial): FetchCase {
  return new FetchDraw(random, material).draw();
}

const ODDITIES: readonly string[] = [
  "want 1234",
  "have zzzz",
  "deepen 0",
  "deepen -1",
  "deepen x",
  "deepen-since never",
  "deepen-not refs/heads/nowhere",
  "shallow 12",
  "filter blob:nothing",
  "filter tree:x",
  "filter combine:",
  "filter object:type=blub",
  "want-ref refs/heads/nowhere",
  "nonsense",
];

class FetchDraw {
  readonly #random: SeededRandom;
  readonly #material: FetchMaterial;
  readonly #unknowns = new Set<string>();

  constructor(random: SeededRandom, material: FetchMaterial) {
    this.#random = random;
    this.#material = material;
  }

  draw(): FetchCase {
    const version = this.#random.pick([0, 0, 1, 2, 2, 2] as const);
    const haves = this.#haves();
    const clientShallow = this.#chance(4) ? this.#shallow(haves) : [];
    const filter = this.#chance(3) ? this.#filter() : undefined;
    const wantRefs = version === 2 && this.#chance(6)
      ? this.#some(this.#material.references, 2)
      : [];
    return {
      version,
      wants: wantRefs.length > 0 && this.#chance(2) ? [] : this.#wants(),
      wantRefs,
      haves,
      unknown: haves.filter((oid) => this.#unknowns.has(oid)),
      clientShallow,
      deepen: this.#chance(2) ? [] : this.#deepen(),
      ...(filter === undefined ? {} : { filter }),
      flags: this.#flags(version, filter !== undefined),
      done: haves.length === 0 || !this.#chance(3),
      oddities: this.#chance(12) ? [this.#random.pick(ODDITIES)] : [],
      objectFormat: this.#material.objectFormat,
    };
  }

  #chance(of: number): boolean {
    return this.#random.below(of) === 0;
  }

  #some<T>(from: readonly T[], max: number): T[] {
    if (from.length === 0) return [];
    const count = 1 + this.#random.below(max);
    return [...new Set(Array.from({ length: count }, () => this.#random.pick(from)))];
  }

  #commits(): readonly string[] {
    return this.#material.commits;
  }

  #unknown(): string {
    const width = this.#material.objectFormat === "sha1" ? 20 : 32;
    const oid = this.#random.bytes(width).toHex();
    this.#unknowns.add(oid);
    return oid;
  }

  #wants(): string[] {
    const { tips, others } = this.#material;
    if (this.#chance(25)) return [this.#random.pick(tips), this.#unknown()];
    if (this.#chance(12)) return this.#some(others, 3);
    if (this.#chance(4)) return this.#some(this.#commits(), 3);
    return this.#some(tips, 3);
  }

  #haves(): string[] {
    if (this.#chance(3)) return [];
    const haves = this.#some(this.#commits(), 4);
    if (this.#chance(5)) haves.splice(this.#random.below(haves.length + 1), 0, this.#unknown());
    if (this.#chance(10)) haves.push(this.#random.pick(this.#material.tips));
    return [...new Set(haves)];
  }

  /** Some commits of the client; now and then it claims one that it does not have. */
  #shallow(haves: readonly string[]): string[] {
    if (this.#chance(10)) return this.#some(this.#commits(), 2);
    const { parents } = this.#material;
    const had = new Set(haves.filter((oid) => parents.has(oid)));
    // The set grows while it is walked.
    for (const oid of had) for (const parent of parents.get(oid) ?? []) had.add(parent);
    return this.#some([...had], 3);
  }

  #deepen(): string[] {
    const [oldest, newest] = this.#material.timesS;
    switch (this.#random.below(6)) {
      case 0:
        return [`deepen-since ${oldest + this.#random.below(newest - oldest + 1)}`];
      case 1:
        return [`deepen-not ${this.#random.pick(this.#material.references)}`];
      case 2:
        return ["deepen 2147483647"];
      default:
        return [`deepen ${1 + this.#random.below(12)}`];
    }
  }

  #filter(): string {
    const { sparse } = this.#material;
    switch (this.#random.below(6)) {
      case 0:
        return "blob:none";
      case 1:
        return `blob:limit=${this.#random.pick(["0", "1", "100", "1k", "4000", "1m"])}`;
      case 2:
        return `tree:${this.#random.below(5)}`;
      case 3:
        return `object:type=${this.#random.pick(["commit", "tree", "blob", "tag"])}`;
      case 4:
        return sparse.length === 0 ? "blob:none" : `sparse:oid=${this.#random.pick(sparse)}`;
      default:
        return `combine:${
          this.#random.pick(["blob:none+tree:2", "tree:3+blob:limit%3d200", "tree:1"])
        }`;
    }
  }

  #flags(version: 0 | 1 | 2, filters: boolean): string[] {
    const flags = ["no-progress"];
    for (const flag of ["thin-pack", "ofs-delta", "include-tag"]) {
      if (!this.#chance(3)) flags.push(flag);
    }
    if (this.#chance(6)) flags.push("deepen-relative");
    if (version === 2) {
      if (this.#chance(8)) flags.push("wait-for-done");
      if (this.#chance(8)) flags.push("sideband-all");
      return flags;
    }
    if (!this.#chance(4)) flags.push(this.#chance(4) ? "side-band" : "side-band-64k");
    const ack = this.#random.pick(["", "multi_ack", "multi_ack_detailed", "multi_ack_detailed"]);
    if (ack !== "") flags.push(ack);
    if (ack === "multi_ack_detailed" && this.#chance(2)) flags.push("no-done");
    if (filters) flags.push("filter");
    return flags;
  }
}

/** The body of the request. */
export function fetchBody(fetchCase: FetchCase): string {
  return fetchCase.version === 2 ? bodyOfVersion2(fetchCase) : bodyOfVersion0(fetchCase);
}

function limits(fetchCase: FetchCase): string[] {
  return [
    ...fetchCase.clientShallow.map((oid) => `shallow ${oid}`),
    ...fetchCase.deepen,
    ...(fetchCase.filter === undefined ? [] : [`filter ${fetchCase.filter}`]),
    ...fetchCase.oddities,
  ];
}

function bodyOfVersion2(fetchCase: FetchCase): string {
  const { objectFormat, flags, wants, wantRefs, haves, done } = fetchCase;
  return [
    line("command=fetch"),
    line(`object-format=${objectFormat}`),
    "0001",
    ...[
      ...flags,
      ...wants.map((oid) => `want ${oid}`),
      ...wantRefs.map((name) => `want-ref ${name}`),
      ...limits(fetchCase),
      ...haves.map((oid) => `have ${oid}`),
      ...(done ? ["done"] : []),
    ].map(line),
    "0000",
  ].join("");
}

function bodyOfVersion0(fetchCase: FetchCase): string {
  const { objectFormat, flags, wants, haves, done } = fetchCase;
  const capabilities = [...flags, `object-format=${objectFormat}`].join(" ");
  return [
    ...wants.map((oid, at) => line(`want ${oid}${at === 0 ? ` ${capabilities}` : ""}`)),
    ...limits(fetchCase).map(line),
    "0000",
    ...haves.map((oid) => line(`have ${oid}`)),
    done ? line("done") : "0000",
  ].join("");
}
