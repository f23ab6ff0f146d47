/**
 * The client of the access store.
 *
 * A call resolves once the local view, if there is one, knows what it did: whoever is told that a token
 * was made, or taken away, finds it so at this frontend at once, and at the others a moment later.
 *
 * @module
 */

import {
  type JobTokenRecord,
  newRecordId,
  newUserId,
  type RecordId,
  type TokenRecord,
  type UserId,
} from "../../access/access_record.ts";
import { type AccessToken, hashAccessToken, newAccessToken } from "../../access/access_token.ts";
import type { AccessView } from "../../access/access_view.ts";
import type { Clock } from "../../clock.ts";
import { hasCode } from "../../error.ts";
import { ACCESS_VIEW_WAIT_MS_MAX } from "../../limits.ts";
import type { Random } from "../../random.ts";
import { askBasis, type ChangeBasis } from "../control_basis.ts";
import type { JsonClient } from "../json_client.ts";
import type { Provenance } from "../metadata/provenance.ts";
import type { Access, CreateJobTokenRequest, CreateTokenRequest } from "./access.ts";
import {
  ACCESS_BASIS_PATH,
  ACCESS_CALLS,
  ACCESS_PATH,
  accessAnswerSchema,
  type AccessCallName,
  type AccessOutcome,
  type AccessRequest,
  bodyDigest,
} from "./access_call.ts";

/**
 * Makes a call at a control node: at the one there is, or at the next one when one does not answer.
 * `ControlFailover.ask()` is one.
 */
export type AccessRoute = <T>(call: (client: JsonClient) => Promise<T>) => Promise<T>;

/**
 * Calls that change nothing, and those that find out by themselves what was done: there is a first
 * administrator for ever, and a token of a job goes with its trust.
 */
const UNBASED = /^(find|list|claimFirstAdministrator$|createJobToken$)/;

/** The world of a client. */
export interface AccessClientOptions {
  /** Who answers. */
  readonly route: AccessRoute;
  /** Draws ids and tokens. */
  readonly random: Random;
  /** What is to know of a change before a call resolves; absent = nothing is waited for. */
  readonly view?: AccessView;
  /** Bounds that wait. */
  readonly clock: Clock;
  /** Who asks for changes where a call does not say; absent = nobody is known. */
  readonly provenance?: Provenance;
}

/** A new token, and what was recorded of it. */
export interface MadeToken {
  /** The secret: told to its user once, and kept nowhere. */
  readonly token: AccessToken;
  /** What is recorded. */
  readonly record: TokenRecord;
}

/** A new token of a job, and what was recorded of it. */
export interface MadeJobToken {
  /** The secret: told to the job once, and kept nowhere. */
  readonly token: AccessToken;
  /** What is recorded. */
  readonly record: JobTokenRecord;
}

/** Asks the access store. */
export class AccessClient {
  /** The calls of the contract. */
  readonly calls: Access;
  readonly #options: AccessClientOptions;

  /** Makes a client. */
  constructor(options: AccessClientOptions) {
    this.#options = options;
    const entries = Object.keys(ACCESS_CALLS).map((name) => [
      name,
      (request: AccessRequest<AccessCallName>, by?: Provenance) =>
        this.#call(name as AccessCallName, request, by ?? options.provenance),
    ]);
    this.calls = Object.fromEntries(entries) as unknown as Access;
  }

  /** The same client for somebody: the audit trail tells of them. */
  as(provenance: Provenance): AccessClient {
    return new AccessClient({ ...this.#options, provenance });
  }

  /** An id for a user who is to be made. */
  newUserId(): UserId {
    return newUserId(this.#options.random);
  }

  /** An id for anything else that is to be made. */
  newRecordId(): RecordId {
    return newRecordId(this.#options.random);
  }

  /** Makes a token for a user. @throws as {@link Access.createToken} */
  async makeToken(request: Omit<CreateTokenRequest, "id" | "hash">): Promise<MadeToken> {
    const token = newAccessToken(this.#options.random);
    const hash = hashAccessToken(token);
    const record = await this.calls.createToken({ ...request, id: this.newRecordId(), hash });
    return { token, record };
  }

  /** Makes a token for a job. @throws as {@link Access.createJobToken} */
  async makeJobToken(request: Omit<CreateJobTokenRequest, "id" | "hash">): Promise<MadeJobToken> {
    const token = newAccessToken(this.#options.random);
    const hash = hashAccessToken(token);
    const record = await this.calls.createJobToken({ ...request, id: this.newRecordId(), hash });
    return { token, record };
  }

  /**
   * Makes the first administrator, and a token for them, unless there is one.
   *
   * @throws as {@link Access.claimFirstAdministrator}
   */
  async claimFirstAdministrator(name: string): Promise<AccessToken | undefined> {
    const token = newAccessToken(this.#options.random);
    const { claimed } = await this.calls.claimFirstAdministrator({
      user: this.newUserId(),
      name,
      token: this.newRecordId(),
      hash: hashAccessToken(token),
    });
    return claimed ? token : undefined;
  }

  async #call<Name extends AccessCallName>(
    name: Name,
    request: AccessRequest<Name>,
    provenance: Provenance | undefined,
  ): Promise<AccessOutcome<Name>> {
    const by = provenance === undefined ? {} : { provenance };
    const body = { request, ...by, ...await this.#basisOf(name) };
    const path = `${ACCESS_PATH}/${name}?body=${bodyDigest(JSON.stringify(body))}`;
    const schema = accessAnswerSchema(ACCESS_CALLS[name].outcome);
    let attemptCount = 0;
    try {
      const { revision, outcome } = await this.#options.route((client) => {
        attemptCount++;
        return client.call(path, { body, schema });
      });
      await this.#known(revision);
      return outcome;
    } catch (error) {
      // What is gone at the second attempt may have been taken away by the first, whose answer is lost.
      const isGone = attemptCount > 1 && name.startsWith("remove") && hasCode(error, "not-found");
      if (isGone) return {} as AccessOutcome<Name>;
      throw error;
    }
  }

  /** One for all attempts of a call, so that at most one of them does something. */
  async #basisOf(name: AccessCallName): Promise<ChangeBasis> {
    if (UNBASED.test(name)) return {};
    return await this.#options.route((client) => askBasis(client, ACCESS_BASIS_PATH));
  }

  /** Waits until the view knows a revision; not for ever: the change is made, wherever it is known. */
  async #known(revision: number): Promise<void> {
    const { view, clock } = this.#options;
    if (view === undefined || view.revision >= revision) return;
    const end = new AbortController();
    const late = clock.sleep(ACCESS_VIEW_WAIT_MS_MAX, end.signal).then(() => end.abort(), () => {});
    try {
      while (view.revision < revision) await view.changed(view.revision, end.signal);
    } catch (error) {
      if (!hasCode(error, "aborted")) throw error;
    } finally {
      end.abort();
      await late;
    }
  }
}
