/**
 * Rules for references as they are written and stored, checked.
 *
 * @module
 */

import { z } from "zod";
import { parseAccountName } from "../../access/principal.ts";
import { referencePatternProblem, type ReferenceRule } from "../../access/reference_rule.ts";
import { ROLES } from "../../access/role.ts";
import type { ObjectMaker } from "./object_maker.ts";
import { PROTECTED_REFERENCE_COUNT_MAX, REFERENCE_PUSHER_COUNT_MAX } from "../../access_limits.ts";

const accountName = z.string().transform((text, context) => {
  try {
    return parseAccountName(text);
  } catch {
    context.addIssue({ code: "custom", message: "the name is not that of an account" });
    return z.NEVER;
  }
});

const pattern = z.string().superRefine((text, context) => {
  const message = referencePatternProblem(text);
  if (message !== undefined) context.addIssue({ code: "custom", message });
});

/** Schema of a repository's rules for references. A rule that says nothing of something leaves it alone. */
export function protectedReferencesSchema(
  object: ObjectMaker,
): z.ZodType<readonly ReferenceRule[]> {
  const rule = object({
    pattern,
    denyDelete: z.boolean().default(false),
    denyForce: z.boolean().default(false),
    linearHistory: z.boolean().default(false),
    signed: z.boolean().default(false),
    pushers: object({
      role: z.enum(ROLES).optional(),
      users: z.array(accountName).max(REFERENCE_PUSHER_COUNT_MAX).default([]),
      deployKeys: z.array(z.string().min(1).max(64)).max(REFERENCE_PUSHER_COUNT_MAX).default([]),
    }).optional(),
  });
  return z.array(rule).max(PROTECTED_REFERENCE_COUNT_MAX) as unknown as z.ZodType<
    readonly ReferenceRule[]
  >;
}
