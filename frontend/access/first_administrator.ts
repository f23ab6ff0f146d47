/**
 * The first administrator of a server: made by its first start with accounts, and by no other.
 *
 * @module
 */

import { hasCode, type Logger } from "@gitstratum/core";
import type { AccessToken } from "@gitstratum/core/access";
import type { AccessClient } from "@gitstratum/core/rpc/access";

/** The name of the user who is made. */
export const FIRST_ADMINISTRATOR = "admin";

/**
 * Makes the first administrator unless there is one. Of many frontends that start at once, one gets the
 * token; it is to be shown to whoever started it, and is kept nowhere.
 */
export async function claimFirstAdministrator(
  client: AccessClient,
  logger: Logger,
): Promise<AccessToken | undefined> {
  try {
    return await client.claimFirstAdministrator(FIRST_ADMINISTRATOR);
  } catch (error) {
    // Whoever has accounts can work; whoever has none starts again when control is back.
    if (!hasCode(error, "unavailable") && !hasCode(error, "already-exists")) throw error;
    logger.warn("Leave the first administrator to another start", { error });
    return undefined;
  }
}
