/**
 * The first administrator of a server: made by its first start with accounts, and by no other.
 *
 * @module
 */

import { hasCode, type Logger } from "@gitstratum/core";
import type { AccessToken, TokenRecord, UserId } from "@gitstratum/core/access";
import type { AccessClient } from "@gitstratum/core/rpc/access";

/** The name of the user who is made. */
export const FIRST_ADMINISTRATOR = "admin";
/** What the tokens are called by which somebody who lost theirs comes in again. */
const RECOVERY_LABEL = "recovered administrator";
/** A recovered administrator makes themselves another token in this time. */
const RECOVERY_MS = 24 * 3600 * 1000;

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

/**
 * Lets the first administrator in again, whatever became of them, by a token for a day: for whoever
 * lost theirs and can start the server. Tokens of earlier recoveries and expired ones are taken away.
 *
 * @throws as the calls of `Access`
 */
export async function recoverAdministrator(
  client: AccessClient,
  nowMs: number,
): Promise<AccessToken> {
  const user = await administratorId(client);
  await client.calls.changeUser({ user, administrator: true, disabled: false });
  for (const { id, label, expiresAtMs = Infinity } of await tokensOf(client, user)) {
    if (label !== RECOVERY_LABEL && expiresAtMs > nowMs) continue;
    await client.calls.removeToken({ user, id });
  }
  const { token } = await client.makeToken({
    user,
    label: RECOVERY_LABEL,
    scopes: ["repository:admin", "account", "server"],
    expiresAtMs: Math.floor(nowMs) + RECOVERY_MS,
  });
  return token;
}

async function tokensOf(client: AccessClient, user: UserId): Promise<readonly TokenRecord[]> {
  const tokens: TokenRecord[] = [];
  let after: string | undefined;
  do {
    const more = after === undefined ? {} : { after };
    const { records, next } = await client.calls.listTokens({ user, ...more });
    tokens.push(...records);
    after = next;
  } while (after !== undefined);
  return tokens;
}

/** The id of the first administrator, who is made when they are gone. */
async function administratorId(client: AccessClient): Promise<UserId> {
  const name = FIRST_ADMINISTRATOR;
  try {
    return (await client.calls.findUser({ name })).id;
  } catch (error) {
    if (!hasCode(error, "not-found")) throw error;
    const id = client.newUserId();
    return (await client.calls.createUser({ id, name, administrator: true })).id;
  }
}
