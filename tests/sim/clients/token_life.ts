/**
 * What a client does to tokens: it makes some, uses them, and takes them away.
 *
 * @module
 */

import type { SeededRandom } from "@gitstratum/core";
import type { RunRecord } from "../checks/run_record.ts";
import type { GitClient } from "./git_client.ts";
import type { BookToken } from "./token_book.ts";

/** What it works with. */
export interface TokenLifeOptions {
  /** Who does it. */
  readonly client: string;
  readonly git: GitClient;
  readonly record: RunRecord;
  readonly random: SeededRandom;
}

/** Tokens that are in use at a time. */
const GOOD_COUNT_MAX = 4;

/** Lives of tokens. */
export class TokenLife {
  readonly #options: TokenLifeOptions;

  /** Makes it. */
  constructor(options: TokenLifeOptions) {
    this.#options = options;
  }

  /** Makes a token, uses one or takes one away. */
  async act(frontend: string, repository: string): Promise<void> {
    const { random, record } = this.#options;
    const good = record.tokens.all.filter(({ state }) => state === "good");
    const token = good[random.below(good.length + 1)];
    if (token === undefined) {
      if (good.length < GOOD_COUNT_MAX) await this.make(frontend);
    } else if (random.chance(0.5)) await this.revoke(frontend, token);
    else await this.isTaken(frontend, token, repository);
  }

  /** Makes a token; undefined when nobody said that it was made. */
  async make(frontend: string): Promise<BookToken | undefined> {
    const { git, record, client } = this.#options;
    const heard = await git.createToken(frontend);
    if (heard.kind === "answer") return record.tokens.add(heard.value);
    record.heardNothing(`${client} ${frontend} would make a token`, heard);
    return undefined;
  }

  /** Takes a token away; whether somebody said that it is. */
  async revoke(frontend: string, token: BookToken): Promise<boolean> {
    const { git, record, client } = this.#options;
    token.state = "unsure";
    const heard = await git.deleteToken(frontend, token.id);
    if (heard.kind === "answer") token.state = "revoked";
    else record.heardNothing(`${client} ${frontend} would take a token away`, heard);
    return heard.kind === "answer";
  }

  /** Whether a frontend takes a token; undefined when it says neither. */
  async isTaken(
    frontend: string,
    token: BookToken,
    repository: string,
  ): Promise<boolean | undefined> {
    const { git, record, client } = this.#options;
    const heard = await git.listReferences(frontend, repository, { token: token.secret });
    if (heard.kind === "answer") return true;
    if (heard.kind === "refused" && heard.status === 401) return false;
    record.heardNothing(`${client} ${frontend} uses a token`, heard);
    return undefined;
  }
}
