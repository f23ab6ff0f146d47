/**
 * Errors on the wire: a {@link GitStratumError} becomes an HTTP status and a small JSON body, and the
 * client's side turns that back into an equal error, so that a caller sees no difference between a
 * service in its own process and one across a network.
 *
 * The code in the body decides, not the status: several codes share one. Anything that is no
 * GitStratumError is a bug of the service; it is handed to the service's log and answered as
 * `unavailable` with a static text, so neither stacks nor paths leave the process.
 *
 * @module
 */

import { z } from "zod";
import { ERROR_CODES, type ErrorCode, type ErrorData, GitStratumError } from "../error.ts";
import { ERROR_BODY_BYTES_MAX } from "../limits.ts";
import { readBodyBytes } from "./body.ts";

/** HTTP status of each code. */
export const ERROR_STATUSES: Readonly<Record<ErrorCode, number>> = {
  "unavailable": 503,
  "conflict": 409,
  "not-found": 404,
  "already-exists": 409,
  "invalid": 400,
  "denied": 403,
  "unauthenticated": 401,
  "exhausted": 429,
  "corrupt": 500,
  "unsupported": 501,
  "aborted": 408,
  "disk-full": 507,
};

/** Schema of the body that carries an error. */
export const errorBodySchema: z.ZodType<
  { readonly code: ErrorCode; readonly message: string; readonly data: ErrorData }
> = z.object({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
});

/** How a service answers an error. */
export interface ErrorResponseOptions {
  /** Told of every error that is no {@link GitStratumError}: a bug, to be logged with its stack. */
  readonly onUnexpected?: (error: unknown) => void;
  /** Further headers of the response. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The response that carries `error` to the caller of a service. */
export function errorResponse(error: unknown, options: ErrorResponseOptions = {}): Response {
  if (error instanceof GitStratumError) {
    const { code, message, data } = error;
    return errorJson(ERROR_STATUSES[code], { code, message, data }, options);
  }
  options.onUnexpected?.(error);
  const body = { code: "unavailable", message: "Fail for an internal reason", data: {} } as const;
  return errorJson(500, body, options);
}

function errorJson(
  status: number,
  body: { readonly code: ErrorCode; readonly message: string; readonly data: ErrorData },
  options: ErrorResponseOptions,
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...options.headers, "content-type": "application/json" },
  });
}

/**
 * The error that a response carries. A response of something else than a GitStratum service (a proxy,
 * a wrong address) becomes `unavailable` when its status says that a later try may succeed, otherwise
 * `unsupported`.
 *
 * Consumes the body, of which it reads at most `ERROR_BODY_BYTES_MAX` bytes.
 */
export async function readErrorResponse(response: Response): Promise<GitStratumError> {
  const parsed = errorBodySchema.safeParse(await readJsonLeniently(response));
  if (parsed.success) {
    return new GitStratumError(parsed.data.code, parsed.data.message, { data: parsed.data.data });
  }
  const code = response.status >= 500 || response.status === 429 ? "unavailable" : "unsupported";
  return new GitStratumError(code, "Receive an answer that is no service's", {
    data: { status: response.status },
  });
}

async function readJsonLeniently(response: Response): Promise<unknown> {
  try {
    const bytes = await readBodyBytes(response, { bytesMax: ERROR_BODY_BYTES_MAX });
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    // Whatever is wrong with the body, the status alone still makes an error.
    return undefined;
  }
}
