/**
 * A repository's name as a single directory would have it.
 *
 * @module
 */

import type { Operation } from "./history.ts";
import type { Model } from "./linearizability.ts";

/** What a client did to a name. */
export interface NameOperation {
  readonly kind: "create" | "delete" | "find";
  /**
   * The id of what was made or found, undefined when the name was taken (create) or free (others);
   * absent = unknown.
   */
  readonly heard?: { readonly id: string | undefined };
}

/** A name's holder: undefined = free, `?` = somebody whose id nobody heard. */
type State = { readonly id: string | undefined };

const FREE: State = { id: undefined };
const SOMEBODY = "?";

/**
 * What has an order: all but refused creations while somebody else was creating the repository. A name
 * is taken from the moment on at which a creation claims it, and found once there is a repository.
 */
export function orderedOperations(
  operations: readonly Operation<NameOperation>[],
): readonly Operation<NameOperation>[] {
  const creations = operations.filter(({ what }) => what.kind === "create" && !isRefused(what));
  return operations.filter(({ what, begin, end }) => {
    if (what.kind !== "create" || !isRefused(what)) return true;
    return !creations.some((other) => other.begin < end && begin < other.end);
  });
}

function isRefused({ heard }: NameOperation): boolean {
  return heard !== undefined && heard.id === undefined;
}

/** The model. */
export const NAME_MODEL: Model<NameOperation, State> = {
  initial: FREE,
  step(state, { kind, heard }) {
    const isFree = state.id === undefined;
    switch (kind) {
      case "create":
        if (heard === undefined) return isFree ? { id: SOMEBODY } : undefined;
        if (heard.id === undefined) return isFree ? undefined : state;
        return isFree ? { id: heard.id } : undefined;
      case "delete":
        if (heard === undefined) return isFree ? undefined : FREE;
        // Two who delete at once may both hear that it is gone, and one whose call was made twice on its
        // way may hear that there was nothing: either way there is nothing now.
        return FREE;
      case "find":
        if (heard === undefined) return state;
        if (heard.id === undefined) return isFree ? state : undefined;
        if (isFree) return undefined;
        return state.id === heard.id || state.id === SOMEBODY ? { id: heard.id } : undefined;
    }
  },
  show: ({ id }) => id ?? "",
};
