/**
 * The one error class of the project. `unavailable` means "retry the same call", `conflict` means
 * "read again, then retry", everything else is final. Bugs are not errors: they `assert`.
 *
 * @module
 */

/** Every reason the world can have for not doing what was asked. The set is closed. */
export const ERROR_CODES = [
  "unavailable",
  "conflict",
  "not-found",
  "already-exists",
  "invalid",
  "denied",
  "unauthenticated",
  "exhausted",
  "corrupt",
  "unsupported",
  "aborted",
  "disk-full",
] as const;

/** One of {@link ERROR_CODES}. */
export type ErrorCode = typeof ERROR_CODES[number];

/** Facts that belong to an error: what was wanted, what was found. JSON values only. */
export type ErrorData = Readonly<Record<string, string | number | boolean | null | undefined>>;

/**
 * An error of the world: bad input, a busy node, a broken disk.
 *
 * The message is static text that starts with a capital letter and a verb and has no full stop;
 * whatever varies goes into `data`, so that messages can be grouped.
 */
export class GitStratumError extends Error {
  /** Why, as one of a closed set. */
  readonly code: ErrorCode;
  /** The facts of this occurrence. */
  readonly data: ErrorData;

  /** Makes an error; `options.cause` keeps the underlying error. */
  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly data?: ErrorData; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "GitStratumError";
    this.code = code;
    this.data = options.data ?? {};
  }

  /** Whether the same call may succeed later without any change. */
  get retryable(): boolean {
    return this.code === "unavailable";
  }

  /** The message followed by its data, for logs and for people. */
  describe(): string {
    const facts = Object.entries(this.data)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    return facts.length === 0 ? this.message : `${this.message} (${facts.join(", ")})`;
  }
}

/** Whether `error` is a {@link GitStratumError} with the given code. */
export function hasCode(error: unknown, code: ErrorCode): error is GitStratumError {
  return error instanceof GitStratumError && error.code === code;
}

/** Whatever was thrown, as an error. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
