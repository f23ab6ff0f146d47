/**
 * The error of this package. It stands below the project's one error class, which lives in a
 * package to the right of this one; whoever meets it there turns it into that.
 *
 * @module
 */

/** Why a kernel could not do what was asked. The set is closed. */
export type KernelErrorReason = "corrupt" | "truncated" | "too-large" | "out-of-memory";

/** Input that a kernel refuses, or memory that it can not have. */
export class KernelError extends Error {
  /** Why, as one of a closed set. */
  readonly reason: KernelErrorReason;
  /** The facts of this occurrence. */
  readonly data: Readonly<Record<string, string | number>>;

  /** Makes an error; `message` is static text, what varies is in `data`. */
  constructor(
    reason: KernelErrorReason,
    message: string,
    options: { readonly data?: Readonly<Record<string, string | number>> } = {},
  ) {
    super(message);
    this.name = "KernelError";
    this.reason = reason;
    this.data = options.data ?? {};
  }
}
