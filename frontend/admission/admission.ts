/**
 * Who is let in: how often somebody may ask, and how much they may have running.
 *
 * An address is counted before anybody knows who asks, so that guessing costs as much as asking; users,
 * tokens and repositories are counted once they are known.
 *
 * @module
 */

import { unreachable } from "@gitstratum/core";
import { addressSubject, type RateSubject } from "@gitstratum/core/rates";
import type { SessionCaller } from "../session/session.ts";
import type { ConcurrencyLimiter } from "./concurrency_limiter.ts";
import type { RateLimiter } from "./rate_limiter.ts";

/** What an admission works with. */
export interface AdmissionOptions {
  readonly rates: Pick<RateLimiter, "spend">;
  readonly concurrency: Pick<ConcurrencyLimiter, "acquire">;
}

/** Lets requests in. */
export class Admission {
  readonly #options: AdmissionOptions;

  /** Makes an admission by the given limits. */
  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Counts a request of an address. @throws `exhausted` with `retryAfterS` */
  countAddress(address: string | undefined): void {
    if (address !== undefined) this.#options.rates.spend([addressSubject(address)]);
  }

  /** Counts a request of whoever is known to ask. @throws `exhausted` with `retryAfterS` */
  countCaller(caller: SessionCaller, repository: string): void {
    this.#options.rates.spend(knownSubjects(caller, repository));
  }

  /**
   * Resolves with a release when work of a caller on a repository may run.
   *
   * @throws `exhausted` with `retryAfterS`, or the reason of the caller's signal
   */
  run(caller: SessionCaller, repository: string): Promise<() => void> {
    const { remoteAddress, signal } = caller;
    const address = remoteAddress === undefined ? [] : [addressSubject(remoteAddress)];
    const subjects = [...address, ...knownSubjects(caller, repository)];
    return this.#options.concurrency.acquire(subjects, signal);
  }
}

/** In the one order in which everybody takes them. @throws `unauthenticated` */
function knownSubjects(caller: SessionCaller, repository: string): readonly RateSubject[] {
  return [...principalSubjects(caller), { kind: "repository", id: repository.toLowerCase() }];
}

function principalSubjects({ asker }: SessionCaller): readonly RateSubject[] {
  const principal = asker.principal();
  switch (principal.kind) {
    case "anonymous":
    case "unguarded":
      return [];
    case "deploy-key":
      return [{ kind: "token", id: principal.id }];
    case "user": {
      const { name, credential } = principal;
      const user = { kind: "user", id: name.toLowerCase() } as const;
      return credential.kind === "token" ? [user, { kind: "token", id: credential.id }] : [user];
    }
    default:
      return unreachable(principal);
  }
}
