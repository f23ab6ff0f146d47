/**
 * Exchanges the token that a CI job has from its issuer for a short-lived one of ours.
 *
 * What costs nothing is asked first: an issuer that is not known, a token for somebody else or past its
 * time make us fetch nothing and check no signature. What a job may do is said by trusts of
 * repositories; whoever fits none is told the same, whether there is such a repository or not.
 *
 * A token may be exchanged again until it ends. What it gives ends with the trust, the issuer and the
 * repository's own limits.
 *
 * @module
 */

import { type Clock, GitStratumError, JOB_TOKEN_LIFE_MS_MAX } from "@gitstratum/core";
import {
  type AccessView,
  checkClaims,
  claimsFit,
  isSignedBy,
  issuerOf,
  type IssuerRecord,
  issuerTokenRefused,
  type JsonWebToken,
  parseJsonWebToken,
  roleIncludes,
  type TrustRecord,
} from "@gitstratum/core/access";
import type { Provenance, RepositoryId } from "@gitstratum/core/rpc";
import type { AccessClient, MadeJobToken } from "@gitstratum/core/rpc/access";
import type { IssuerKeys } from "./issuer_keys.ts";

/** What an exchange works with. */
export interface TokenExchangeOptions {
  /** Knows issuers and trusts. */
  readonly view: AccessView;
  /** Makes the tokens that are given. */
  readonly client: AccessClient;
  /** Knows the keys of issuers. */
  readonly keys: IssuerKeys;
  readonly clock: Clock;
}

/** Exchanges tokens. */
export class TokenExchange {
  readonly #options: TokenExchangeOptions;

  /** Makes an exchange. */
  constructor(options: TokenExchangeOptions) {
    this.#options = options;
  }

  /**
   * Gives a token for an issuer's. `repository` finds the one of several that it is to be for; it is
   * asked only once the issuer's token was found good.
   *
   * @throws `unauthenticated` when the issuer's token is not good; `denied` when no trust fits it;
   * `invalid` when trusts of several repositories do and none is named; `unavailable`, `exhausted`
   */
  async exchange(
    text: string,
    options: {
      readonly repository?: () => Promise<RepositoryId | undefined>;
      /** Who asks, for the audit trail. */
      readonly provenance?: Provenance;
    } = {},
  ): Promise<MadeJobToken> {
    const token = parseJsonWebToken(text);
    const { view, client, clock } = this.#options;
    const issuer = view.issuerByUrl(issuerOf(token));
    if (issuer === undefined) throw issuerTokenRefused("its issuer is not trusted here");
    const nowMs = Math.floor(clock.nowMs());
    const subject = checkClaims(token, { audience: issuer.audience, nowMs });
    await this.#checkSignature(issuer, token);
    const only = await options.repository?.();
    const fitting = view.trustsIn(issuer.id).filter(({ claims, repository }) =>
      (options.repository === undefined || repository === only) &&
      claimsFit(claims, token.claims)
    );
    const trust = greatest(fitting);
    const { provenance } = options;
    return await (provenance === undefined ? client : client.as(provenance)).makeJobToken({
      trust: trust.id,
      subject,
      label: trust.label,
      expiresAtMs: nowMs + JOB_TOKEN_LIFE_MS_MAX,
    });
  }

  async #checkSignature(issuer: IssuerRecord, token: JsonWebToken): Promise<void> {
    for (const key of await this.#options.keys.keysFor(issuer, token)) {
      if (await isSignedBy(token, key)) return;
    }
    throw issuerTokenRefused("none of its issuer's keys signed it");
  }
}

/** Of the trusts that fit, the one that gives most. */
function greatest(trusts: readonly TrustRecord[]): TrustRecord {
  const [first, ...rest] = trusts;
  if (first === undefined) {
    throw new GitStratumError("denied", "Find no trust that fits the token", {
      data: { reason: "no trust of that repository fits all claims, or there is none" },
    });
  }
  if (rest.some(({ repository }) => repository !== first.repository)) {
    throw new GitStratumError("invalid", "Name the repository that the token is to be for", {
      data: { reason: "trusts of several repositories fit" },
    });
  }
  return rest.reduce((best, one) => roleIncludes(best.role, one.role) ? best : one, first);
}
