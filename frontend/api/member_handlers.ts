/**
 * Answers what is asked about owners of repositories and about who has which role where.
 *
 * @module
 */

import type { z } from "zod";
import type {
  AccountName,
  GrantRecord,
  GrantTarget,
  OwnerRecord,
  Role,
} from "@gitstratum/core/access";
import type { Provenance } from "@gitstratum/core/rpc";
import type { Accounts } from "./accounts.ts";
import type { ApiHandlersOf } from "./api_handler.ts";
import type { memberSchema, ownerSchema } from "./member_operations.ts";
import type { PageQuery } from "./page.ts";
import { shownTime } from "./values.ts";

type OwnerOperationId = "listOwners" | "createOwner" | "deleteOwner";
type OwnerMemberOperationId = "listOwnerMembers" | "setOwnerMember" | "deleteOwnerMember";
type RepositoryMemberOperationId =
  | "listRepositoryMembers"
  | "setRepositoryMember"
  | "deleteRepositoryMember";

/** The handlers. */
export function memberHandlers(
  accounts: Accounts,
): ApiHandlersOf<OwnerOperationId | OwnerMemberOperationId | RepositoryMemberOperationId> {
  const members = new Members(accounts);
  return {
    ...ownerHandlers(accounts),
    ...ownerMemberHandlers(members),
    ...repositoryMemberHandlers(members),
  };
}

function ownerHandlers(accounts: Accounts): ApiHandlersOf<OwnerOperationId> {
  return {
    async listOwners({ query }) {
      const list = accounts.calls.listOwners;
      const { entries: owners, ...rest } = await accounts.page(query, "owners", {
        list,
        shown: shownOwner,
      });
      return { owners, ...rest };
    },
    async createOwner({ body, provenance }) {
      return shownOwner(await accounts.by(provenance).calls.createOwner(body));
    },
    async deleteOwner({ path, provenance }) {
      await accounts.by(provenance).calls.removeOwner({ name: path.owner });
    },
  };
}

function ownerMemberHandlers(members: Members): ApiHandlersOf<OwnerMemberOperationId> {
  const on = (owner: AccountName): GrantTarget => ({ on: "owner", owner });
  return {
    listOwnerMembers: ({ path, query }) => members.list(query, on(path.owner)),
    setOwnerMember: ({ path, body, provenance }) =>
      members.by(provenance).set(path.user, on(path.owner), body.role),
    deleteOwnerMember: ({ path, provenance }) =>
      members.by(provenance).remove(path.user, on(path.owner)),
  };
}

function repositoryMemberHandlers(members: Members): ApiHandlersOf<RepositoryMemberOperationId> {
  type Target = Extract<GrantTarget, { readonly on: "repository" }>;
  const on = (repository: Target["repository"]): Target => ({ on: "repository", repository });
  return {
    listRepositoryMembers: ({ query, repository }) =>
      members.list(query, on(repository.repositoryId)),
    setRepositoryMember: ({ path, body, repository, provenance }) =>
      members.by(provenance).set(path.user, on(repository.repositoryId), body.role),
    deleteRepositoryMember: ({ path, repository, provenance }) =>
      members.by(provenance).remove(path.user, on(repository.repositoryId)),
  };
}

type Member = z.output<typeof memberSchema>;

/** Those who have a role somewhere. */
class Members {
  readonly #accounts: Accounts;

  constructor(accounts: Accounts) {
    this.#accounts = accounts;
  }

  by(provenance: Provenance): Members {
    return new Members(this.#accounts.by(provenance));
  }

  async list(
    query: PageQuery,
    target: GrantTarget,
  ): Promise<{ members: Member[]; next?: string }> {
    const listing = `members ${target.on} ${
      target.on === "owner" ? target.owner : target.repository
    }`;
    const { entries: members, ...rest } = await this.#accounts.page(query, listing, {
      list: (page) => this.#accounts.calls.listGrants({ ...page, target }),
      shown: (grant) => this.#shown(grant),
    });
    return { members, ...rest };
  }

  async set(name: AccountName, target: GrantTarget, role: Role): Promise<Member> {
    const user = await this.#accounts.userId(name);
    return this.#shown(await this.#accounts.calls.setGrant({ user, target, role }));
  }

  async remove(name: AccountName, target: GrantTarget): Promise<undefined> {
    const user = await this.#accounts.userId(name);
    await this.#accounts.calls.removeGrant({ user, target });
  }

  #shown({ user, role, createdAtMs }: GrantRecord): Member {
    return { user: this.#accounts.userName(user), role, createdAt: shownTime(createdAtMs) };
  }
}

function shownOwner({ name, createdAtMs }: OwnerRecord): z.output<typeof ownerSchema> {
  return { name, createdAt: shownTime(createdAtMs) };
}
