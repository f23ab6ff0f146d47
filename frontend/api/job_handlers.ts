/**
 * Answers CI jobs.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import type { Metadata } from "@gitstratum/core/rpc";
import type { TokenExchange } from "../oidc/token_exchange.ts";
import type { ApiHandlersOf } from "./api_handler.ts";
import { shownTime } from "./values.ts";

/** The handlers. */
export function jobHandlers(options: {
  /** Exchanges tokens; absent on a server that keeps no accounts. */
  readonly exchange: TokenExchange | undefined;
  /** Finds repositories by name. */
  readonly metadata: Pick<Metadata, "findRepository">;
}): ApiHandlersOf<"exchangeToken"> {
  const { exchange, metadata } = options;
  return {
    async exchangeToken({ body, provenance }) {
      if (exchange === undefined) {
        throw new GitStratumError("not-found", "Find no accounts on this server");
      }
      const { repository: name } = body;
      const { token, record } = await exchange.exchange(body.token, {
        provenance,
        ...(name !== undefined && {
          repository: async () => (await metadata.findRepository(name))?.repositoryId,
        }),
      });
      const { id, repository, role, subject, expiresAtMs } = record;
      return { id, token, repository, role, subject, expiresAt: shownTime(expiresAtMs) };
    },
  };
}
