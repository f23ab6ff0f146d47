/**
 * Texts on the wire that one of our parsers takes: ids, names.
 *
 * @module
 */

import { z } from "zod";

/** Schema of a string that `parse` accepts. Why it does not is for a log at most, so it is not told. */
export function checkedText<T extends string>(parse: (text: string) => T): z.ZodType<T> {
  return z.string().transform((text, context) => {
    try {
      return parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "Expect an identifier or a name" });
      return z.NEVER;
    }
  }) as unknown as z.ZodType<T>;
}
