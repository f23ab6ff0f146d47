/**
 * Everything that is known of a run from outside, and what was seen to be wrong with it.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import type { Heard } from "../clients/git_client.ts";
import { ForkBook } from "../clients/fork_book.ts";
import { ObjectBook } from "../clients/object_book.ts";
import { TokenBook } from "../clients/token_book.ts";
import { readPack } from "../clients/pack_reader.ts";
import { History } from "./history.ts";
import type { NameOperation } from "./name_model.ts";
import type { NetworkOperation } from "./network_model.ts";
import type { PushOperation } from "./reference_model.ts";

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
    | "accounts"
    | "webhooks"
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
  lives: number;
}

/** Words by which a server refuses what it must serve: a listing has just shown it. */
const REFUSED_WANT = /not our ref|upload-pack: /;

/** A run as its clients see it. */
export class RunRecord {
  /** All objects that clients made. */
  readonly book = new ObjectBook();
  /** All forks that they made. */
  readonly forks = new ForkBook();
  /** All tokens that they made. */
  readonly tokens = new TokenBook();
  /** What was done to a repository and its forks, by the name of the former. */
  readonly networks = new History<NetworkOperation>();
  /** What was done to names of repositories. */
  readonly names = new History<NameOperation>();
  /** What is wrong. */
  readonly violations: Violation[] = [];
  /** How much was done. */
  readonly counts: Counts = {
    pushes: 0,
    updates: 0,
    rejections: 0,
    packs: 0,
    nothing: 0,
    lives: 0,
  };
  readonly #onLine: (line: string) => void;
  /** Commits of updates that were refused for sure. */
  readonly #refused: string[] = [];
  /** Pushes under way. */
  readonly #intents = new Set<{ readonly repository: string; readonly tips: readonly string[] }>();

  /** Makes an empty record; what clients fail to hear is told as lines. */
  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Notes a broken promise. */
  violate(promise: Violation["promise"], what: string): void {
    this.violations.push({ promise, what });
    this.#onLine(`VIOLATION ${promise} ${what}`);
  }

  /** Where references of a repository may point from now on, though nobody heard so yet. */
  intend(repository: string, tips: readonly string[]): Disposable {
    const intent = { repository, tips };
    this.#intents.add(intent);
    return { [Symbol.dispose]: () => void this.#intents.delete(intent) };
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
    if (heard.kind === "refused" && heard.status === 401 && !who.endsWith("uses a token")) {
      this.violate("accounts", `${who}: ${heard.why}`);
    }
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
    const open = this.book.closure(this.#tipsEver(repository));
    const elsewhere = this.networks.subjects.flatMap((network) =>
      this.networks.of(network).flatMap(({ what }) => shownTips(what))
    );
    const candidates = random.chance(0.5) ? elsewhere : this.#refused;
    const secrets = candidates.filter((oid) => !open.has(oid));
    return secrets.length === 0 ? undefined : secrets[random.below(secrets.length)];
  }

  /** New values of references by pushes that were acknowledged. */
  acknowledgedTips(): readonly string[] {
    return this.networks.subjects.flatMap((network) =>
      this.networks.of(network).flatMap(({ what }) =>
        what.kind === "references" && what.what?.kind === "push" && what.what.rejections
          ? pushedTips(what)
          : []
      )
    );
  }

  /** A commit that some repository of a network showed once. */
  tipOf(network: string, random: SeededRandom): string | undefined {
    const tips = this.networks.of(network).flatMap(({ what }) => shownTips(what));
    return tips[random.below(Math.max(1, tips.length))];
  }

  /** Whatever references of a repository may have pointed at, those of its parents included. */
  #tipsEver(repository: string): string[] {
    const tips = [...this.#intents].flatMap((intent) =>
      intent.repository === repository ? intent.tips : []
    );
    for (const network of this.networks.subjects) {
      for (const { what } of this.networks.of(network)) {
        if (what.repository !== repository) continue;
        tips.push(...shownTips(what), ...pushedTips(what));
        if (what.kind === "fork") tips.push(...this.#tipsEver(what.parent!));
      }
    }
    return tips;
  }

  /** Notes that somebody read what nobody may. */
  leaked(what: string): void {
    this.violate("P7", what);
  }
}

/** Where references pointed, by what somebody heard. */
function shownTips(operation: NetworkOperation): readonly string[] {
  if (operation.kind !== "references" || operation.what?.kind !== "list") return [];
  return [...operation.what.references.values()];
}

/** Where somebody tried to let references point. */
function pushedTips(operation: NetworkOperation): readonly string[] {
  if (operation.kind !== "references" || operation.what?.kind !== "push") return [];
  const { updates, rejections } = operation.what;
  return updates.flatMap((update, index) =>
    update.new === undefined || rejections?.[index] !== undefined ? [] : [update.new]
  );
}
