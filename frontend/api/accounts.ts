/**
 * The store of accounts as the handlers of the API use it: by the names that people say, page by page.
 *
 * @module
 */

import { ACCESS_PAGE_COUNT_MAX, GitStratumError } from "@gitstratum/core";
import type { AccessRecord, AccessView, UserId } from "@gitstratum/core/access";
import type { Provenance } from "@gitstratum/core/rpc";
import type { Access, AccessClient, Page, PageRequest } from "@gitstratum/core/rpc/access";
import type { PageQuery } from "./page.ts";
import type { PageCursors } from "./page_cursor.ts";

/** What accounts are reached by. */
export interface AccountsOptions {
  /** Writes and lists; absent on a server that keeps none. */
  readonly client?: AccessClient;
  /** Reads; absent on a server that keeps none. */
  readonly view?: AccessView;
  /** Seals places in listings. */
  readonly cursors: PageCursors;
}

/** Accounts by name. */
export class Accounts {
  readonly #options: AccountsOptions;

  /** Makes the accounts of a server. */
  constructor(options: AccountsOptions) {
    this.#options = options;
  }

  /** Writes and lists. @throws `not-found` on a server that keeps no accounts */
  get client(): AccessClient {
    const { client } = this.#options;
    if (client !== undefined) return client;
    throw new GitStratumError("not-found", "Find no accounts on this server");
  }

  /** The same accounts for somebody, of whom the audit trail tells. */
  by(provenance: Provenance): Accounts {
    const { client } = this.#options;
    if (client === undefined) return this;
    return new Accounts({ ...this.#options, client: client.as(provenance) });
  }

  /** The calls of the store. @throws `not-found` on a server that keeps no accounts */
  get calls(): Access {
    return this.client.calls;
  }

  /** The id of a user. @throws `not-found` */
  async userId(name: string): Promise<UserId> {
    return (await this.calls.findUser({ name })).id;
  }

  /** The name of a user; their id while nobody knows the name here. */
  userName(id: UserId): string {
    return this.#options.view?.userById(id)?.name ?? id;
  }

  /** One page; `listing` tells it from pages of others. */
  async page<T extends AccessRecord, Shown>(
    query: PageQuery,
    listing: string,
    parts: {
      readonly list: (request: PageRequest) => Promise<Page<T>>;
      readonly shown: (record: T) => Shown;
    },
  ): Promise<{ readonly entries: Shown[]; readonly next?: string }> {
    const { cursors } = this.#options;
    const { records, next } = await parts.list({
      limit: Math.min(query.limit, ACCESS_PAGE_COUNT_MAX),
      ...(query.after === undefined ? {} : { after: cursors.open(listing, query.after) }),
    });
    return {
      entries: records.map(parts.shown),
      ...(next === undefined ? {} : { next: cursors.seal(listing, next) }),
    };
  }
}
