/**
 * The references of one repository as a single copy would have them.
 *
 * @module
 */

import type { Update } from "../clients/git_client.ts";
import type { Model } from "./linearizability.ts";

/** A push that was answered, or whose outcome is unknown. */
export interface PushOperation {
  readonly kind: "push";
  readonly updates: readonly Update[];
  readonly atomic: boolean;
  /** For each update the reason why it was not made, undefined where it was; absent = unknown. */
  readonly rejections?: readonly (string | undefined)[];
}

/** A listing that was answered. */
export interface ListOperation {
  readonly kind: "list";
  readonly references: ReadonlyMap<string, string>;
}

/** What a client did to a repository. */
export type ReferenceOperation = PushOperation | ListOperation;

/** References at one moment. */
export type References = ReadonlyMap<string, string>;

/** Where HEAD points in every repository of a run: it can not be deleted (`denyDeleteCurrent`). */
const CURRENT_BRANCH = "refs/heads/main";

/** Reasons that speak of where references point; others refuse whatever they point at. */
const SWAP_REASON = /does not exist|already exists|incorrect old value|atomic transaction failed/;

/** The model. */
export const REFERENCE_MODEL: Model<ReferenceOperation, References> = {
  initial: new Map(),
  step: referencesAfter,
  show: shownReferences,
};

/** References after something was done, the same ones where nothing changed; undefined = it does not fit. */
export function referencesAfter(
  state: References,
  what: ReferenceOperation,
): References | undefined {
  return what.kind === "list" ? listed(state, what) : pushed(state, what);
}

/** References as a text. */
export function shownReferences(state: References): string {
  return [...state].sort(([a], [b]) => a < b ? -1 : 1).join(" ");
}

/** A listing fits the state that it shows. */
function listed(state: References, { references }: ListOperation): References | undefined {
  if (references.size !== state.size) return undefined;
  for (const [name, oid] of references) if (state.get(name) !== oid) return undefined;
  return state;
}

/** The state after a push; undefined when what it heard does not fit. */
function pushed(state: References, push: PushOperation): References | undefined {
  const fits = push.updates.map((update) => state.get(update.name) === update.old);
  const { rejections } = push;
  if (rejections === undefined) {
    const mayBe = push.updates.map((update, index) =>
      fits[index]! && (update.new !== undefined || update.name !== CURRENT_BRANCH)
    );
    const made = push.atomic && mayBe.includes(false) ? mayBe.map(() => false) : mayBe;
    // An unknown push that does nothing need not be placed.
    return made.includes(true) ? applied(state, push, made) : undefined;
  }
  const made = rejections.map((reason) => reason === undefined);
  if (made.some((isMade, index) => isMade && !fits[index])) return undefined;
  // Whoever is told that a reference has moved: it has.
  const lost = rejections.map((reason) => reason !== undefined && SWAP_REASON.test(reason));
  if (!push.atomic) {
    return lost.some((isLost, index) => isLost && fits[index])
      ? undefined
      : applied(state, push, made);
  }
  if (!made.includes(false)) return applied(state, push, made);
  return made.includes(true) || (lost.includes(true) && !fits.includes(false)) ? undefined : state;
}

function applied(state: References, push: PushOperation, made: readonly boolean[]): References {
  if (!made.includes(true)) return state;
  const after = new Map(state);
  for (const [index, update] of push.updates.entries()) {
    if (!made[index]) continue;
    if (update.new === undefined) after.delete(update.name);
    else after.set(update.name, update.new);
  }
  return after;
}
