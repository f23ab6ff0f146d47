/**
 * Who is let in: how often somebody may ask, and how much they may have running.
 *
 * An address is counted before anybody knows who asks, so that guessing costs as much as asking; users,
 * tokens and repositories are counted once they are known.
 *
 * @module
 */

import {
  ADDRESS_BEGINNING_MS_MAX,
  type Clock,
  REFUSAL_DELAY_COUNT_MAX,
  REFUSAL_DELAY_MS,
  unreachable,
  WAIT_IS_OVER,
} from "@gitstratum/core";
import { addressSubject, type RateSubject } from "@gitstratum/core/rates";
import type { SessionCaller } from "../session/session.ts";
import type { ConcurrencyLimiter } from "./concurrency_limiter.ts";
import type { RateLimiter } from "./rate_limiter.ts";

/** What an admission works with. */
export interface AdmissionOptions {
  readonly rates: Pick<RateLimiter, "spend">;
  readonly concurrency: Pick<ConcurrencyLimiter, "acquire" | "isWanted">;
  /** Bounds how many requests of an address are begun at a time; absent = nothing does. */
  readonly beginnings?: Pick<ConcurrencyLimiter, "acquire">;
  /** Delays refusals, bounds beginnings. */
  readonly clock: Clock;
}

/** Delays differ in so many steps. */
const DELAY_PARTS = 64;

/** Lets requests in. */
export class Admission {
  readonly #options: AdmissionOptions;
  #delayedCount = 0;
  #refusedCount = 0;

  /** Makes an admission by the given limits. */
  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Whether somebody has waited for long for a place that others have. */
  get isWanted(): boolean {
    return this.#options.concurrency.isWanted;
  }

  /** Counts a request of an address. @throws `exhausted` with `retryAfterS` */
  countAddress(address: string | undefined): void {
    if (address !== undefined) this.#options.rates.spend([addressSubject(address)]);
  }

  /**
   * Counts a connection over SSH before its costly handshake. Twice as many are let through as may ask
   * for something: those learn in words that they are too many, these only that they are cut off.
   *
   * @throws `exhausted`
   */
  countHandshake(address: string | undefined): void {
    if (address === undefined) return;
    const { kind, id } = addressSubject(address);
    this.#options.rates.spend([{ kind, id: `ssh ${id}` }], { factor: 2 });
  }

  /**
   * Resolves when a request of an address may be begun, with what is to be called once it was. However
   * many come from one address at once, those of others have only a few of them ahead.
   *
   * @throws `exhausted` with `retryAfterS`, or the signal's reason
   */
  async begin(address: string | undefined, signal: AbortSignal): Promise<() => void> {
    const { beginnings, clock } = this.#options;
    if (beginnings === undefined || address === undefined) return () => {};
    const release = await beginnings.acquire([addressSubject(address)], signal);
    const begun = new AbortController();
    const late = clock.sleep(ADDRESS_BEGINNING_MS_MAX, begun.signal);
    // It rejects when the request was begun in time.
    late.then(release, release);
    return () => begun.abort(WAIT_IS_OVER);
  }

  /**
   * Resolves when a refusal may be told: a client that asks again at each refusal costs more than one
   * that waits, so it is made to wait.
   */
  async refusalDelay(signal?: AbortSignal): Promise<void> {
    if (this.#delayedCount >= REFUSAL_DELAY_COUNT_MAX) return;
    this.#delayedCount++;
    // Those who were refused together do not come back together.
    const part = this.#refusedCount++ % DELAY_PARTS / DELAY_PARTS;
    try {
      await this.#options.clock.sleep(REFUSAL_DELAY_MS * (1 + part), signal);
    } catch (error) {
      // A client that is gone hears nothing anyway.
      if (!signal?.aborted) throw error;
    } finally {
      this.#delayedCount--;
    }
  }

  /**
   * Counts a request of whoever is known to ask, about a repository if any.
   *
   * @throws `exhausted` with `retryAfterS`
   */
  countCaller(caller: Pick<SessionCaller, "asker">, repository?: string): void {
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
function knownSubjects(
  caller: Pick<SessionCaller, "asker">,
  repository: string | undefined,
): readonly RateSubject[] {
  const subjects = principalSubjects(caller);
  if (repository === undefined) return subjects;
  return [...subjects, { kind: "repository", id: repository.toLowerCase() }];
}

function principalSubjects({ asker }: Pick<SessionCaller, "asker">): readonly RateSubject[] {
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
