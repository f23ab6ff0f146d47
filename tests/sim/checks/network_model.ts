/**
 * A repository and its forks as a single copy would have them: which of them live, and where their
 * references point.
 *
 * @module
 */

import type { Model } from "./linearizability.ts";
import {
  type ReferenceOperation,
  type References,
  referencesAfter,
  shownReferences,
} from "./reference_model.ts";

/** What a client did to the references of one repository. */
export interface ReferenceStep {
  readonly kind: "references";
  /** Its first name. */
  readonly repository: string;
  /** What was done and heard; undefined = that there is no such repository. */
  readonly what: ReferenceOperation | undefined;
}

/** What a client did to the life of a repository. */
export interface LifeStep {
  readonly kind: "fork" | "delete" | "restore" | "purge";
  readonly repository: string;
  /** Where a fork comes from. */
  readonly parent?: string;
}

/** What a client did to a network. */
export type NetworkOperation = ReferenceStep | LifeStep;

/** A repository at one moment; those that never were and those that are gone for good have none. */
interface RepositoryState {
  readonly isLiving: boolean;
  readonly references: References;
}

/** Repositories by their first names; `undefined` stands for one that is gone for good. */
type State = ReadonlyMap<string, RepositoryState | undefined>;

/** How reports of pushes begin whose repository is not there. */
const NO_REPOSITORY = "Find no such repository";

/** The model of the network of a repository that is there from the beginning. */
export function networkModel(root: string): Model<NetworkOperation, State> {
  return {
    initial: new Map([[root, { isLiving: true, references: new Map() }]]),
    step: (state, operation) =>
      operation.kind === "references"
        ? afterReferences(state, operation)
        : afterLife(state, operation),
    show: (state) =>
      [...state].map(([name, known]) =>
        known === undefined
          ? `${name}: gone`
          : `${name}${known.isLiving ? "" : " (deleted)"}: ${shownReferences(known.references)}`
      ).sort().join("; "),
  };
}

function afterReferences(state: State, { repository, what }: ReferenceStep): State | undefined {
  const known = state.get(repository);
  const isLiving = known?.isLiving === true;
  if (what === undefined || foundNothing(what)) return isLiving ? undefined : state;
  if (!isLiving) return undefined;
  const references = referencesAfter(known.references, what);
  if (references === undefined) return undefined;
  return references === known.references
    ? state
    : withOne(state, repository, { ...known, references });
}

/** Whether a push that was judged by an earlier listing was told that its repository went meanwhile. */
function foundNothing(what: ReferenceOperation): boolean {
  if (what.kind === "list" || what.rejections === undefined) return false;
  return what.rejections.some((reason) => reason?.startsWith(NO_REPOSITORY));
}

/** What was heard to have been done was done; what is repeated on its way finds it done. */
function afterLife(state: State, { kind, repository, parent }: LifeStep): State | undefined {
  const known = state.get(repository);
  switch (kind) {
    case "fork": {
      const source = state.get(parent ?? "");
      const isPossible = source?.isLiving === true && !state.has(repository);
      return isPossible ? withOne(state, repository, { ...source }) : undefined;
    }
    case "delete":
      if (known === undefined) return state;
      return known.isLiving ? withOne(state, repository, { ...known, isLiving: false }) : state;
    case "restore":
      if (known === undefined) return undefined;
      return known.isLiving ? state : withOne(state, repository, { ...known, isLiving: true });
    case "purge":
      return known?.isLiving === true ? undefined : withOne(state, repository, undefined);
  }
}

function withOne(state: State, name: string, known: RepositoryState | undefined): State {
  return new Map([...state, [name, known]]);
}
