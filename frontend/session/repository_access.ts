/**
 * Which repository a session works on: lookup for fetches, lookup or creation for pushes.
 *
 * Where the server allows it, a push to a name that nobody holds creates the repository. Nothing is
 * created for the advertisement: only a push that really brings references does.
 *
 * @module
 */

import { GitStratumError, hasCode } from "@gitstratum/core";
import { isZeroOid, type ObjectFormat } from "@gitstratum/core/git";
import type {
  Metadata,
  ReferenceCommand,
  RepositoryInfo,
  RepositoryName,
} from "@gitstratum/core/rpc";

/** What a push is directed at. */
export type PushTarget =
  | { readonly kind: "existing"; readonly repository: RepositoryInfo }
  /** A free name on a server that creates repositories by push. */
  | { readonly kind: "absent"; readonly name: RepositoryName };

/** How repositories may be accessed. */
export interface RepositoryAccessOptions {
  readonly metadata: Metadata;
  /** A push may create its repository. */
  readonly autoCreate: boolean;
  /** Pushes are refused. */
  readonly readOnly: boolean;
}

const BRANCH_PREFIX = "refs/heads/";

/**
 * The default branch (without `refs/heads/`) that a first push suggests: `main` when it is pushed or
 * nothing else is, else `master`, else the first branch of the push.
 */
export function suggestedDefaultBranch(commands: readonly ReferenceCommand[]): string {
  const branches = commands
    .filter((command) => command.name.startsWith(BRANCH_PREFIX) && !isZeroOid(command.newOid))
    .map((command) => command.name.slice(BRANCH_PREFIX.length));
  if (branches.length === 0 || branches.includes("main")) return "main";
  return branches.includes("master") ? "master" : branches[0]!;
}

/** Looks repositories up for sessions. */
export class RepositoryAccess {
  readonly #options: RepositoryAccessOptions;

  /** Makes an access with fixed rules. */
  constructor(options: RepositoryAccessOptions) {
    this.#options = options;
  }

  /**
   * The repository to fetch from.
   *
   * @throws `not-found`
   */
  async forFetch(name: RepositoryName): Promise<RepositoryInfo> {
    const repository = await this.#options.metadata.findRepository(name);
    if (repository !== undefined) return repository;
    throw new GitStratumError("not-found", "Find no such repository", { data: { name } });
  }

  /**
   * The repository to push to, or its free name.
   *
   * @throws `denied` on a read-only server and when the repository is archived, `not-found` when pushes create nothing here
   */
  async forPush(name: RepositoryName): Promise<PushTarget> {
    if (this.#options.readOnly) {
      throw new GitStratumError("denied", "Refuse a push to a read-only server");
    }
    const repository = this.#options.autoCreate
      ? await this.#options.metadata.findRepository(name)
      : await this.forFetch(name);
    if (repository === undefined) return { kind: "absent", name };
    if (repository.settings.archived === true) {
      throw new GitStratumError("denied", "Refuse a push to an archived repository", {
        data: { name: repository.name },
      });
    }
    return { kind: "existing", repository };
  }

  /** The repository of a push that has begun; an absent one comes into being. */
  async materialise(
    target: PushTarget,
    push: { readonly objectFormat: ObjectFormat; readonly commands: readonly ReferenceCommand[] },
  ): Promise<RepositoryInfo> {
    if (target.kind === "existing") return target.repository;
    const { name } = target;
    const defaultBranch = suggestedDefaultBranch(push.commands);
    try {
      const { objectFormat } = push;
      return await this.#options.metadata.createRepository({ name, objectFormat, defaultBranch });
    } catch (error) {
      // Another first push won the race; this one goes on as a push to what that one made.
      if (hasCode(error, "already-exists")) return await this.forFetch(name);
      throw error;
    }
  }
}
