/**
 * Everything that is known of a run from outside, and what was seen to be wrong with it.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import type { Heard } from "../clients/git_client.ts";
import { ObjectBook } from "../clients/object_book.ts";
import { readPack } from "../clients/pack_reader.ts";
import { History } from "./history.ts";
import type { NameOperation } from "./name_model.ts";
import type { PushOperation, ReferenceOperation } from "./reference_model.ts";

/** A promise that was broken. */
export interface Violation {
  /** Which promise of the design; the others are named by a word. */
  readonly promise:
    | "P1"
    | "P2"
    | "P3"
    | "P4"
    | "P5"
    | "P6"
    | "P7"
    | "P8"
    | "P9"
    | "liveness"
    | "copies"
    | "orphans"
    | "bug";
  /** What was seen. */
  readonly what: string;
}

/** How often clients heard what. */
export interface Counts {
  pushes: number;
  updates: number;
  rejections: number;
  packs: number;
  nothing: number;
}

/** Words by which a server refuses what it must serve: a listing has just shown it. */
const REFUSED_WANT = /not our ref|upload-pack: /;

/** A run as its clients see it. */
export class RunRecord {
  /** All objects that clients made. */
  readonly book = new ObjectBook();
  /** What was done to references, by repository. */
  readonly references = new History<ReferenceOperation>();
  /** What was done to names of repositories. */
  readonly names = new History<NameOperation>();
  /** What is wrong. */
  readonly violations: Violation[] = [];
  /** How much was done. */
  readonly counts: Counts = { pushes: 0, updates: 0, rejections: 0, packs: 0, nothing: 0 };
  readonly #onLine: (line: string) => void;
  /** Commits of updates that were refused for sure. */
  readonly #refused: string[] = [];

  /** Makes an empty record; what clients fail to hear is told as lines. */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Notes a broken promise. */
  violate(promise: Violation["promise"], what: string): void {
    this.violations.push({ promise, what });
    this.#onLine(`VIOLATION ${promise} ${what}`);
  }

  /** Notes the report of a push. */
  pushed({ updates, rejections = [] }: PushOperation): void {
    this.counts.pushes++;
    for (const [index, update] of updates.entries()) {
      if (rejections[index] === undefined) this.counts.updates++;
      else {
        this.counts.rejections++;
        if (update.new !== undefined) this.#refused.push(update.new);
      }
    }
  }

  /** Notes that a client heard nothing, or a refusal. */
  heardNothing(who: string, heard: Exclude<Heard<unknown>, { readonly kind: "answer" }>): void {
    this.counts.nothing++;
    this.#onLine(`${who}: ${heard.kind} ${heard.why}`);
    if (who.includes("fetches") && REFUSED_WANT.test(heard.why)) {
      this.violate("P4", `${who}: ${heard.why}`);
    }
  }

  /** Checks a pack that came to its end: all that the wants reach, and nothing else. */
  checkPack(who: string, wants: readonly string[], pack: Uint8Array): void {
    this.counts.packs++;
    let found: ReturnType<typeof readPack>;
    try {
      found = readPack(pack);
    } catch (error) {
      return this.violate("P8", `${who}: ${error instanceof Error ? error.message : error}`);
    }
    const wanted = this.book.closure(wants);
    for (const oid of wanted) {
      if (!found.has(oid)) this.violate("P4", `${who}: ${oid} is missing`);
    }
    for (const oid of found.keys()) {
      if (!wanted.has(oid)) this.violate("P7", `${who}: ${oid} was not wanted`);
    }
  }

  /** A commit that a repository does not reach, and never did; undefined when there is none. */
  secretOf(repository: string, random: SeededRandom): string | undefined {
    const others = this.references.subjects.filter((other) => other !== repository);
    const foreign = others.flatMap((other) =>
      this.references.of(other).flatMap(({ what }) =>
        what.kind === "list" ? [...what.references.values()] : []
      )
    );
    const secrets = random.chance(0.5) ? foreign : this.#refused;
    return secrets.length === 0 ? undefined : secrets[random.below(secrets.length)];
  }

  /** Notes that somebody read what nobody may. */
  leaked(what: string): void {
    this.violate("P7", what);
  }
}
