/**
 * Headers of recipes as they come from outside.
 *
 * @module
 */

import { z } from "zod";
import { GitStratumError } from "../error.ts";
import { isOid, OBJECT_FORMATS, type ObjectFormat } from "../git/oid.ts";
import { EXTENT_BYTES_MAX } from "../limits.ts";
import { parsePackId } from "../rpc/ids.ts";
import type { RecipeHeader } from "./recipe.ts";

/** A header whose object ids may be of any form. */
type UncheckedHeader = Omit<RecipeHeader, "shallow" | "unshallow"> & {
  readonly shallow: readonly string[];
  readonly unshallow: readonly string[];
};

/** Schema of a header, whose object ids are looked at apart. */
export const recipeHeaderSchema: z.ZodType<UncheckedHeader> = z.object({
  objectFormat: z.enum(OBJECT_FORMATS),
  objectCount: z.number().int().nonnegative().max(0xffffffff),
  shallow: z.array(z.string()),
  unshallow: z.array(z.string()),
  packs: z.array(z.object({
    pack: z.string().transform((text) => parsePackId(text)),
    extentBytes: z.number().int().positive().max(EXTENT_BYTES_MAX),
  })),
});

function checkOids(oids: readonly string[], format: ObjectFormat): void {
  const odd = oids.find((oid) => !isOid(oid, format));
  if (odd === undefined) return;
  throw new GitStratumError("corrupt", "Reject a recipe header", {
    data: { reason: "an object id is malformed", found: odd.slice(0, 80) },
  });
}

/**
 * Parses the JSON form of a header.
 *
 * @throws `corrupt` when it is not one
 */
export function parseRecipeHeader(json: Uint8Array): RecipeHeader {
  let header;
  try {
    header = recipeHeaderSchema.parse(
      JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json)),
    );
  } catch (cause) {
    throw new GitStratumError("corrupt", "Reject a recipe header", { cause });
  }
  checkOids(header.shallow, header.objectFormat);
  checkOids(header.unshallow, header.objectFormat);
  return header as RecipeHeader;
}
