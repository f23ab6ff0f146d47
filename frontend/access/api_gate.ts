/**
 * The gate as the management API asks it.
 *
 * @module
 */

import type { Decision, Principal } from "@gitstratum/core/access";
import type { ConnectionInfo } from "@gitstratum/core/process";
import type { ApiCaller, ApiGuard, ApiTarget } from "../api/api_guard.ts";
import type { AccessGate } from "./access_gate.ts";
import type { Authenticator } from "./authenticator.ts";

/** Knows callers and decides for the API. */
export class ApiGate implements ApiGuard {
  readonly #authenticator: Authenticator;
  readonly #gate: AccessGate;

  /** Makes a guard. */
  constructor(parts: { readonly authenticator: Authenticator; readonly gate: AccessGate }) {
    this.#authenticator = parts.authenticator;
    this.#gate = parts.gate;
  }

  /** See {@link ApiGuard.caller}. */
  async caller(request: Request, info: ConnectionInfo): Promise<ApiCaller> {
    const asker = await this.#authenticator.ofRequest(request, info);
    return { principal: asker.principal(), actor: asker.actor() };
  }

  /** See {@link ApiGuard.decide}. */
  decide(principal: Principal, target: ApiTarget): Decision {
    return this.#gate.decide(principal, target);
  }
}
