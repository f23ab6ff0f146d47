/**
 * Names in paths and bodies of the API, checked.
 *
 * @module
 */

import { z } from "zod";
import { GitStratumError } from "@gitstratum/core";
import {
  type AccountName,
  parseAccountName,
  parseRecordId,
  type RecordId,
} from "@gitstratum/core/access";
import {
  parseRepositoryId,
  parseRepositoryName,
  type RepositoryId,
  type RepositoryName,
} from "@gitstratum/core/rpc";

/** A text that `parse` accepts; why it does not is told. */
function checked<T extends string>(parse: (text: string) => T): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof GitStratumError)) throw error;
      context.addIssue({
        code: "custom",
        message: String(error.data.reason ?? error.data.wanted ?? error.message),
      });
      return z.NEVER;
    }
  });
}

/** The name of a user or of another owner of repositories. */
export const accountName: z.ZodType<AccountName, string> = checked(parseAccountName)
  .describe("1 to 100 letters, digits, hyphens, underscores and inner dots");

/** The part of a repository's name behind its owner. */
export const repositorySegment: z.ZodType<string, string> = checked((text) =>
  parseRepositoryName(`owner/${text}`).slice("owner/".length)
).describe("The part of the name behind the owner");

/** `owner/name`. */
export const repositoryName: z.ZodType<RepositoryName, string> = checked(parseRepositoryName)
  .describe("`owner/name`");

/** The names in the path of a repository. */
export const REPOSITORY_PATH = { owner: accountName, name: repositorySegment };

/** The id of a token, a key, an issuer, a trust. */
export const recordId: z.ZodType<RecordId, string> = checked(parseRecordId)
  .describe("32 hexadecimal digits");

/** The id of a repository. */
export const repositoryId: z.ZodType<RepositoryId, string> = checked(parseRepositoryId)
  .describe("32 hexadecimal digits");

/** The owner of whatever has a name. */
export function ownerOf(name: RepositoryName): AccountName {
  return parseAccountName(name.slice(0, name.indexOf("/")));
}
