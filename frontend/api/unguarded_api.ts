/**
 * The guard of a server without accounts: it asks nobody who they are.
 *
 * @module
 */

import { unreachable } from "@gitstratum/core";
import {
  decide,
  type Operation,
  type OwnerFacts,
  parseAccountName,
  UNGUARDED,
} from "@gitstratum/core/access";
import type { ApiGuard, ApiTarget } from "./api_guard.ts";

/** Whoever reaches such a server may do everything; what is not there is missing to them, too. */
export const UNGUARDED_API: ApiGuard = {
  caller: () => Promise.resolve({ principal: UNGUARDED, actor: {} }),
  // Nothing that this answer rests on depends on the time.
  decide: (principal, target) => decide(principal, operationOf(target), { nowMs: 0 }),
};

/** A server without accounts records no roles. */
function operationOf(target: ApiTarget): Operation {
  switch (target.on) {
    case "repository": {
      const { repository, operation } = target;
      if (repository === undefined) return { on: "repository", operation, repository };
      const { repositoryId: id, name, settings } = repository;
      const { visibility = "private", protectedReferences: rules = [] } = settings;
      const facts = { id, owner: ownerOf(name), visibility, roles: new Map(), rules };
      return { on: "repository", operation, repository: facts };
    }
    case "owner":
      return { on: "owner", operation: target.operation, owner: ownerOf(`${target.owner}/`) };
    case "account":
      return { on: "account", name: target.user };
    case "server":
      return target;
    default:
      return unreachable(target);
  }
}

function ownerOf(repositoryName: string): OwnerFacts {
  const name = repositoryName.slice(0, repositoryName.indexOf("/"));
  return { name: parseAccountName(name), roles: new Map() };
}
