/**
 * What the API tells those who may not.
 *
 * @module
 */

import { GitStratumError, unreachable } from "@gitstratum/core";
import type { Denied, Principal } from "@gitstratum/core/access";
import type { ApiTarget } from "./api_guard.ts";

/** Who was denied what. */
export interface ApiDenialContext {
  /** Who asked. */
  readonly principal: Principal;
  /** For what. */
  readonly target: ApiTarget;
  /** The name of the target as it was asked for. */
  readonly name: string;
}

/**
 * The error for a denial. Somebody anonymous is asked who they are, whatever was denied. To others
 * what is hidden is missing, in the same words as if it were.
 */
export function apiDenial(denied: Denied, context: ApiDenialContext): GitStratumError {
  if (context.principal.kind === "anonymous") {
    return new GitStratumError("unauthenticated", "Ask for a user name and a token");
  }
  if (denied.as === "hidden") return missing(context);
  return new GitStratumError("denied", "Lack the permission to do this", {
    data: { reason: denied.reason },
  });
}

function missing({ target, name }: ApiDenialContext): GitStratumError {
  switch (target.on) {
    case "repository":
      return new GitStratumError("not-found", "Find no such repository", { data: { name } });
    case "owner":
      return new GitStratumError("not-found", "Find no such owner", { data: { name } });
    case "account":
      return new GitStratumError("not-found", "Find no such user", { data: { name } });
    case "server":
      return new GitStratumError("not-found", "Find no such API path");
    default:
      return unreachable(target);
  }
}
