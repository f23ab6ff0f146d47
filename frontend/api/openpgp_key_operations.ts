/**
 * What may be asked about the OpenPGP keys of users.
 *
 * @module
 */

import { z } from "zod";
import { apiOperation } from "./api_operation.ts";
import { recordId } from "./names.ts";
import { PAGE_QUERY, pageOf } from "./page.ts";
import { USER_PATH } from "./user_operations.ts";
import { openPgpKeyText, recordLabel, time } from "./values.ts";

const TAG = "OpenPGP keys";

/** An OpenPGP key as it is shown. */
export const openPgpKeySchema = z.strictObject({
  id: z.string(),
  label: recordLabel,
  type: z.string().describe("Algorithm of the primary key, `ed25519` or `rsa4096`"),
  fingerprint: z.string().describe("Of the primary key, as `gpg --fingerprint` shows it"),
  keyIds: z.array(z.string()).describe("Ids of its keys that may sign"),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().optional(),
  keyEndsAt: z.iso.datetime().optional()
    .describe("When the last of its keys that sign ends, by its own word; absent = never"),
}).meta({ title: "OpenPgpKey" });

/** Lists keys. */
export const listOpenPgpKeys = apiOperation({
  tag: TAG,
  method: "GET",
  path: "/users/{user}/openpgp-keys",
  summary: "List the OpenPGP keys of a user",
  asks: { on: "account" },
  names: USER_PATH,
  query: PAGE_QUERY,
  answer: pageOf("keys", openPgpKeySchema),
});

/** Adds a key. */
export const addOpenPgpKey = apiOperation({
  tag: TAG,
  method: "POST",
  path: "/users/{user}/openpgp-keys",
  summary: "Add an OpenPGP key to a user: commits that it signed count as signed",
  description:
    "It lets nobody in. Private, weak, revoked and expired keys are refused. For a key " +
    "that was changed (renewed, a new subkey), take the earlier one away first. A token that adds " +
    "one is for `repository:admin` too, as for an SSH key.",
  asks: { on: "account" },
  names: USER_PATH,
  status: 201,
  body: z.strictObject({
    key: openPgpKeyText,
    label: recordLabel.optional().describe("What people call it; the key's user id when absent"),
    expiresAt: time.optional(),
  }).meta({ title: "NewOpenPgpKey" }),
  answer: openPgpKeySchema,
});

/** Takes a key away. */
export const deleteOpenPgpKey = apiOperation({
  tag: TAG,
  method: "DELETE",
  path: "/users/{user}/openpgp-keys/{id}",
  summary: "Take an OpenPGP key away from a user",
  asks: { on: "account" },
  names: { ...USER_PATH, id: recordId },
});
