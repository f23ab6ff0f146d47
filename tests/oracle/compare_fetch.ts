/**
 * Compares two answers to one fetch.
 *
 * @module
 */

import { type FetchAnswer, isSilentRefusal } from "./fetch_answer.ts";
import type { FetchCase, FetchMaterial } from "./fetch_case.ts";
import type { ObjectSets, PackObjects } from "./object_sets.ts";

/** Something in which the answers differ. */
export interface Finding {
  readonly kind:
    /** One serves, the other refuses. */
    | "verdict"
    /** Both refuse, in different words. */
    | "error"
    /** Lines of the conversation. */
    | "lines"
    /** The client is left without objects. */
    | "missing"
    /** Objects come that the client has not asked for. */
    | "superfluous"
    /** A delta builds on what the client may not have. */
    | "base"
    /** A stream that is cut, or a pack that git can not read. */
    | "broken";
  readonly detail: string;
  /** The objects, for findings about some. */
  readonly oids?: ReadonlySet<string>;
}

/** Both answers to a case. */
export interface FetchAnswers {
  readonly git: FetchAnswer;
  readonly ours: FetchAnswer;
}

/** All differences. */
export async function compareFetch(
  fetchCase: FetchCase,
  answers: FetchAnswers,
  world: { readonly sets: ObjectSets; readonly material: FetchMaterial },
): Promise<Finding[]> {
  const { git, ours } = answers;
  if (isSilentRefusal(git)) {
    if (ours.error !== undefined || isSilentRefusal(ours)) return [];
    return [{ kind: "verdict", detail: `git: silence\nours: ${ours.lines.join("|")}` }];
  }
  if (git.error !== undefined || ours.error !== undefined) return compareRefusals(git, ours);
  const findings: Finding[] = [];
  if (ours.isBroken) findings.push({ kind: "broken", detail: "The answer is cut" });
  findings.push(...compareLines(git, ours));
  if (git.pack === undefined || ours.pack === undefined) return findings;
  return [...findings, ...await comparePacks(fetchCase, answers, world)];
}

function compareRefusals(git: FetchAnswer, ours: FetchAnswer): Finding[] {
  if (git.error === undefined || ours.error === undefined) {
    const said = (answer: FetchAnswer) => answer.error ?? answer.lines.join("|");
    return [{ kind: "verdict", detail: `git: ${said(git)}\nours: ${said(ours)}` }];
  }
  if (git.error === ours.error) return compareLines(git, ours);
  return [{ kind: "error", detail: `git: ${git.error}\nours: ${ours.error}` }];
}

function compareLines(git: FetchAnswer, ours: FetchAnswer): Finding[] {
  if (git.lines.join("\n") === ours.lines.join("\n")) return [];
  return [{ kind: "lines", detail: `git: ${git.lines.join("|")}\nours: ${ours.lines.join("|")}` }];
}

async function comparePacks(
  fetchCase: FetchCase,
  answers: FetchAnswers,
  { sets, material }: { readonly sets: ObjectSets; readonly material: FetchMaterial },
): Promise<Finding[]> {
  const git = await sets.ofPack(answers.git.pack!);
  let ours: PackObjects;
  try {
    ours = await sets.ofPack(answers.ours.pack!);
  } catch (error) {
    return [{ kind: "broken", detail: String(error) }];
  }
  const client = await sets.ofClient(fetchCase.haves, fetchCase.clientShallow);
  return [
    ...found(
      "missing",
      needed(git.oids.difference(client), { client, material })
        .difference(ours.oids),
    ),
    ...found("superfluous", ours.oids.difference(git.oids).difference(client)),
    ...found("base", ours.bases.difference(client)),
    ...(fetchCase.flags.includes("thin-pack") ? [] : found("base", ours.bases)),
    ...(ours.entryCount === ours.oids.size
      ? []
      : [{ kind: "broken", detail: "An object comes twice" } as const]),
  ];
}

/**
 * What a client really needs of what git sends: a tag that only came along because git sent its commit
 * once more is none of it.
 */
function needed(
  sent: ReadonlySet<string>,
  { client, material }: { readonly client: ReadonlySet<string>; readonly material: FetchMaterial },
): Set<string> {
  return new Set([...sent].filter((oid) => !client.has(material.tags.get(oid) ?? oid)));
}

function found(kind: Finding["kind"], oids: ReadonlySet<string>): Finding[] {
  if (oids.size === 0) return [];
  return [{ kind, oids, detail: `${oids.size} objects: ${[...oids].slice(0, 5).join(" ")}` }];
}
