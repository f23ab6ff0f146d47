/**
 * Tokens that clients of a run made and took away, as far as they know.
 *
 * @module
 */

/** A token. */
export interface BookToken {
  /** What it is called in order to be taken away. */
  readonly id: string;
  readonly secret: string;
  /** `unsure`: somebody wanted to take it away and heard nothing. */
  state: "good" | "revoked" | "unsure";
}

/** All tokens of a run. */
export class TokenBook {
  /** The token by which clients do everything else; absent before there is one. */
  master: string | undefined;
  readonly #tokens: BookToken[] = [];

  /** Every token whose making was acknowledged, but for the first. */
  get all(): readonly BookToken[] {
    return this.#tokens;
  }

  /** Adds one that was made. */
  add(made: Pick<BookToken, "id" | "secret">): BookToken {
    const token: BookToken = { ...made, state: "good" };
    this.#tokens.push(token);
    return token;
  }
}
