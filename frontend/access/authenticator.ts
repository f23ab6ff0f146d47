/**
 * Finds out who asks: by the `Authorization` header of a request, or by the key of an SSH connection.
 *
 * A request that shows nothing is anonymous, which may be enough; one that shows something which is
 * good for nothing is refused whatever it asks for, so that nobody mistakes a public answer for proof
 * that their token works. Refusals are counted, and those of requests slowed for who keeps failing.
 *
 * @module
 */

import { type Clock, GitStratumError } from "@gitstratum/core";
import { type AccessView, hashAccessToken } from "@gitstratum/core/access";
import type { Counter, Metrics } from "@gitstratum/core/metrics";
import type { ConnectionInfo } from "@gitstratum/core/process";
import {
  ANONYMOUS_ASKER,
  type Asker,
  CredentialAsker,
  credentialRefused,
  unguardedAsker,
} from "./asker.ts";
import { readAuthorization } from "./authorization_header.ts";
import { type CredentialProblem, keyVerdict, tokenVerdict } from "./credential_verdict.ts";
import { FailedAttempts } from "./failed_attempts.ts";

/** Finds out who asks. */
export interface Authenticator {
  /**
   * Who sends a request.
   *
   * @throws `unauthenticated` for a credential that is good for nothing; `unavailable` while nothing is
   * known of any account
   */
  ofRequest(request: Pick<Request, "headers">, info: ConnectionInfo): Promise<Asker>;
  /**
   * Who holds a key that was shown to be theirs; undefined when it may not log in. Clients offer all the
   * keys that they have, so that an unknown one is no failure yet: a connection has so many chances.
   */
  ofKey(fingerprint: string): Promise<Asker | undefined>;
}

/** On a server without accounts: whatever is shown, nobody looks at it. */
export const OPEN_AUTHENTICATOR: Authenticator = {
  ofRequest: () => Promise.resolve(unguardedAsker()),
  ofKey: () => Promise.resolve(unguardedAsker()),
};

/** What authentication stands on. */
export interface RecordAuthenticatorOptions {
  readonly view: AccessView;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Authenticates by the access records. */
export class RecordAuthenticator implements Authenticator {
  readonly #options: RecordAuthenticatorOptions;
  readonly #attempts: FailedAttempts;
  readonly #counter: Counter;

  /** Makes an authenticator at which nobody has failed. */
  constructor(options: RecordAuthenticatorOptions) {
    const { clock, metrics } = options;
    this.#options = options;
    this.#attempts = new FailedAttempts(clock);
    this.#counter = metrics.counter("gitstratum_authentications_total", {
      help: "Credentials that were shown, by transport and what they were worth.",
      labels: ["transport", "outcome"],
    });
    metrics.gauge("gitstratum_failed_attempt_addresses", {
      help: "Addresses that are remembered for failed attempts.",
      read: () => this.#attempts.addressCount,
    });
  }

  /** See {@link Authenticator.ofRequest}. */
  async ofRequest(request: Pick<Request, "headers">, info: ConnectionInfo): Promise<Asker> {
    const shown = readAuthorization(request.headers.get("authorization"));
    if (shown.kind === "none") return ANONYMOUS_ASKER;
    if (shown.kind === "malformed") return await this.#refuse("http", "malformed", info);
    this.#checkKnowledge();
    const { token, ...claim } = shown;
    const hashed = { hash: hashAccessToken(token), ...claim };
    const asker = this.#asker((view, nowMs) => tokenVerdict(view, hashed, nowMs));
    const verdict = asker.verdict();
    if (verdict.kind === "bad") return await this.#refuse("http", verdict.problem, info);
    this.#counter.increment({ transport: "http", outcome: "good" });
    return asker;
  }

  /** See {@link Authenticator.ofKey}. */
  ofKey(fingerprint: string): Promise<Asker | undefined> {
    const asker = this.#asker((view, nowMs) => keyVerdict(view, fingerprint, nowMs));
    const verdict = asker.verdict();
    const isGood = verdict.kind === "good";
    this.#counter.increment({ transport: "ssh", outcome: isGood ? "good" : verdict.problem });
    return Promise.resolve(isGood ? asker : undefined);
  }

  #asker(verdict: ConstructorParameters<typeof CredentialAsker>[0]["verdict"]): CredentialAsker {
    const { view, clock } = this.#options;
    return new CredentialAsker({ view, clock, verdict });
  }

  async #refuse(
    transport: string,
    problem: CredentialProblem,
    info: ConnectionInfo,
  ): Promise<never> {
    this.#counter.increment({ transport, outcome: problem });
    await this.#attempts.fail(info.remoteAddress, info.signal);
    throw credentialRefused(problem);
  }

  /** Good tokens are not called unknown by a frontend that knows nothing yet. */
  #checkKnowledge(): void {
    if (this.#options.view.revision > 0) return;
    throw new GitStratumError("unavailable", "Know nothing of accounts yet");
  }
}
