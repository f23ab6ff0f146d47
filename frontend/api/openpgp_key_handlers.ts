/**
 * Answers what is asked about the OpenPGP keys of users.
 *
 * A key opens nothing, but a rule that demands signatures is there for the day on which a token is
 * stolen: so a token adds one only where it may add an SSH key.
 *
 * @module
 */

import type { z } from "zod";
import type { OpenPgpKeyRecord } from "@gitstratum/core/access";
import type { Accounts } from "./accounts.ts";
import type { ApiHandlersOf } from "./api_handler.ts";
import { checkScopes, endOf } from "./credential_handlers.ts";
import type { openPgpKeySchema } from "./openpgp_key_operations.ts";
import { shownPeriod, shownTime } from "./values.ts";

/** The handlers. */
export function openPgpKeyHandlers(
  accounts: Accounts,
): ApiHandlersOf<"listOpenPgpKeys" | "addOpenPgpKey" | "deleteOpenPgpKey"> {
  return {
    async listOpenPgpKeys({ path, query }) {
      const user = await accounts.userId(path.user);
      const { entries: keys, ...rest } = await accounts.page(query, `openpgp-keys ${user}`, {
        list: (page) => accounts.calls.listOpenPgpKeys({ ...page, user }),
        shown: shownKey,
      });
      return { keys, ...rest };
    },
    async addOpenPgpKey({ path, body: { key, label, expiresAt }, asker, provenance }) {
      const expiresAtMs = endOf(asker.principal(), expiresAt);
      checkScopes(asker.principal(), ["repository:admin"]);
      const record = await accounts.by(provenance).calls.addOpenPgpKey({
        id: accounts.client.newRecordId(),
        user: await accounts.userId(path.user),
        key,
        ...(label === undefined ? {} : { label }),
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
      });
      return shownKey(record);
    },
    async deleteOpenPgpKey({ path, provenance }) {
      const user = await accounts.userId(path.user);
      await accounts.by(provenance).calls.removeOpenPgpKey({ user, id: path.id });
    },
  };
}

function shownKey(record: OpenPgpKeyRecord): z.output<typeof openPgpKeySchema> {
  const { id, label, type, fingerprint, keyIds, keyEndsAtMs } = record;
  return {
    id,
    label,
    type,
    fingerprint,
    keyIds: [...keyIds],
    ...shownPeriod(record),
    ...(keyEndsAtMs === undefined ? {} : { keyEndsAt: shownTime(keyEndsAtMs) }),
  };
}
