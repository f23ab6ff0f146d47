/**
 * Where GitStratum may answer a malformed request otherwise than git's own server, each with its
 * reason.
 *
 * @module
 */

import type { MalformedFinding } from "./compare_malformed.ts";
import type { Trait } from "./mutation.ts";

/** What is known of a malformed request. */
export interface MalformedFacts {
  readonly traits: ReadonlySet<Trait>;
  /** The protocol's version; pushes have 0. */
  readonly version: number;
  readonly isPush: boolean;
  /** The defect of a pack. */
  readonly defect?: string;
}

/** A difference that is meant to be. */
export interface AllowedMalformedDifference {
  readonly name: string;
  readonly reason: string;
  /** Whether it explains a finding. */
  covers(finding: MalformedFinding, facts: MalformedFacts): boolean;
}

/** The list. */
export const ALLOWED_MALFORMED_DIFFERENCES: readonly AllowedMalformedDifference[] = [
  {
    name: "lines longer than the specification allows",
    reason: "Git's buffer has room for a few bytes more than the 65520 that a line may have; " +
      "GitStratum holds everybody to the specification.",
    covers: (finding, { traits }) => traits.has("long line") && finding.isStricter === true,
  },
  {
    name: "words behind an id",
    reason:
      "Git reads an id at the start of `want`, `have` and `shallow` and does not look at the " +
      "rest of the line; GitStratum refuses what it does not understand.",
    covers: (finding, { traits }) =>
      traits.has("words behind an id") && finding.isStricter === true,
  },
  {
    name: "a NUL in a line of a fetch",
    reason:
      "To git a line ends there; to GitStratum it is a character like others, which stands in no " +
      "argument.",
    covers: (finding, { traits, isPush }) =>
      !isPush && traits.has("NUL") && finding.kind !== "shape",
  },
  {
    name: "a second NUL in a line of a push",
    reason: "To git the capabilities end there; GitStratum takes it for one more character of a " +
      "capability that nobody knows, and so finds others behind it.",
    covers: ({ kind }, { traits, isPush }) =>
      isPush && traits.has("more NULs") &&
      (kind === "report" || kind === "result" || kind === "references"),
  },
  {
    name: "a push without capabilities",
    reason:
      "A push that names no object format is one of sha1 objects by the specification, and is " +
      "refused where objects are of sha256; git takes the ids as they come.",
    covers: (finding, { traits, isPush }) =>
      isPush && !traits.has("NUL") && finding.isStricter === true,
  },
  {
    name: "capabilities of later commands",
    reason: "Git reads capabilities behind every command, GitStratum behind the first, where the " +
      "specification has them.",
    covers: ({ kind }, { traits, isPush }) =>
      isPush && traits.has("capabilities twice") && kind !== "fsck",
  },
  {
    name: "names as long as a line",
    reason: "They leave no room for the reason in the report; each cuts the line in its own way.",
    covers: ({ kind }, { traits, isPush }) =>
      isPush && traits.has("full line") && (kind === "report" || kind === "reason"),
  },
  {
    name: "not a word",
    reason:
      "Git fails when a client of version 0 or 1 hangs up at once, GitStratum lets it go: there " +
      "is nobody to tell.",
    covers: ({ kind }, { traits }) => traits.has("empty") && kind === "verdict",
  },
  {
    name: "a depth of nothing",
    reason:
      "In version 0 and 1 git works a depth out although nothing is wanted, and fails when no " +
      "commit is left; GitStratum has nothing to do.",
    covers: ({ kind, isStricter }, { traits, version, isPush }) =>
      !isPush && version < 2 && traits.has("no want") && kind === "verdict" && isStricter === false,
  },
  {
    name: "a want-ref that comes twice",
    reason: "Refused as newer versions of git refuse it; 2.39 takes it.",
    covers: (finding, { traits }) => traits.has("want-ref twice") && finding.isStricter === true,
  },
  {
    name: "text that is no UTF-8",
    reason: "Git compares bytes; here lines of the protocol are text. SHORTCOMINGS.md names it.",
    covers: (finding, { traits }) => traits.has("no UTF-8") && finding.isStricter === true,
  },
  {
    name: "packets of version 2 in version 0",
    reason: "Git takes any special packet for the end of a list; GitStratum a flush only.",
    covers: (finding, { traits, version }) =>
      version < 2 && traits.has("special packet") && finding.isStricter === true,
  },
  {
    name: "garbage behind a pack",
    reason: "Git's index-pack reads a pack from a pipe and leaves what is behind it; GitStratum " +
      "refuses a push whose end is not the pack's end.",
    covers: (finding, { traits }) =>
      traits.has("garbage behind the pack") && finding.isStricter === true,
  },
  {
    name: "a have that comes twice",
    reason: "Git acknowledges it twice, GitStratum once.",
    covers: ({ kind, lines }) =>
      kind === "lines" && lines !== undefined && once(lines.git).join() === once(lines.ours).join(),
  },
  {
    name: "a request that ends inside a line",
    reason: "Git takes the end of the body for the end of the list and answers what it has read, " +
      "often nothing; GitStratum answers that the request is not whole.",
    covers: (finding, { traits }) => traits.has("cut line") && finding.isStricter === true,
  },
  {
    name: "reasons that say more",
    reason: "As in `differences.ts`, of a reference that one push names twice.",
    covers: ({ kind, detail }) =>
      kind === "reason" && /git: (?:(.*)\nours: \1: |atomic )/.test(detail),
  },
  {
    name: "the first of two faults of a command",
    reason: "Git looks for the objects of a command before it looks at the rules of references, " +
      "GitStratum the other way round.",
    covers: ({ kind, detail }, { isPush }) =>
      isPush && kind === "reason" && detail.includes("git: missing necessary objects\n"),
  },
  {
    name: "an object twice",
    reason:
      "Git's index-pack refuses such a pack when it checks objects, GitStratum keeps one of the " +
      "two: a client that counts badly has lost nothing.",
    covers: ({ kind }, { defect }) =>
      defect === "an object twice" && (kind === "unpack" || kind === "result"),
  },
  {
    name: "missing objects",
    reason:
      "Git's index-pack looks for what the objects link to and refuses the pack; GitStratum " +
      "takes the pack, and the connectivity check refuses the references.",
    covers: ({ kind }, { defect }) =>
      defect === "a blob is missing" && (kind === "unpack" || kind === "reason"),
  },
];

/** The lines without repeated acknowledgments. */
export function once(lines: readonly string[]): string[] {
  return lines.filter((line, at) => !line.startsWith("ACK ") || lines.indexOf(line) === at);
}
