/**
 * The management API as its client sees it: one call for each operation, typed by the same table that
 * the server answers by.
 *
 * @module
 */

import {
  type Clock,
  ERROR_CODES,
  type ErrorCode,
  type ErrorData,
  GitStratumError,
} from "@gitstratum/core";
import { type Fetcher, readBodyBytes } from "@gitstratum/core/rpc";
import { z } from "zod";
import { API, API_BASE_PATH, type ApiOperationId } from "../api/api.ts";
import type { ApiAnswer, ApiOperation, ApiOutgoing } from "../api/api_operation.ts";

/** Longest answer in bytes: a page of a thousand repositories with all their settings. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** Calls that are made of one that comes too early. */
const ROUND_COUNT_MAX = 10;
/** Longest wait between them, in seconds. */
const WAIT_S_MAX = 60;
/** Entries of one page that are asked for. */
const PAGE_COUNT = 200;

/** What is sent with an operation. */
export type AdminRequest<Id extends ApiOperationId> = ApiOutgoing<(typeof API)[Id]["shapes"]>;
/** What comes back. */
export type AdminAnswer<Id extends ApiOperationId> = ApiAnswer<(typeof API)[Id]["shapes"]>;

/** Where the server is and who asks. */
export interface AdminApiOptions {
  /** Carries requests. */
  readonly fetcher: Fetcher;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** Shows who asks; absent = nobody in particular. */
  readonly token?: string;
  /** What the client calls itself. */
  readonly agent: string;
  /** Waits while the server says that too much was asked. */
  readonly clock: Pick<Clock, "sleep">;
}

const errorSchema = z.object({
  error: z.object({
    code: z.enum(ERROR_CODES),
    message: z.string(),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  }),
});

/** Calls the API of a server. */
export class AdminApi {
  readonly #options: AdminApiOptions;

  /** Makes a client; nothing is sent yet. */
  constructor(options: AdminApiOptions) {
    this.#options = options;
  }

  /**
   * Makes one call; again, when the server asks for more time.
   *
   * @throws what the server answers; `unavailable` when it does not answer, `unsupported` when what
   * answers is no such server
   */
  async call<Id extends ApiOperationId>(
    id: Id,
    request: AdminRequest<Id> = {},
  ): Promise<AdminAnswer<Id>> {
    const operation: ApiOperation = API[id];
    const response = await this.#admitted(operation, request);
    if (operation.shapes.answer === undefined) {
      await response.body?.cancel();
      return undefined as AdminAnswer<Id>;
    }
    return await jsonOf(response) as AdminAnswer<Id>;
  }

  /** The answer of success. Nothing was done by a call that is refused for coming too early. */
  async #admitted(operation: ApiOperation, request: ApiOutgoing<never>): Promise<Response> {
    for (let round = 1;; round++) {
      const response = await this.#send(operation, request);
      if (response.ok) return response;
      const error = await errorOf(response);
      const { retryAfterS } = error.data;
      if (typeof retryAfterS !== "number" || round === ROUND_COUNT_MAX) throw error;
      await this.#options.clock.sleep(Math.min(retryAfterS, WAIT_S_MAX) * 1000);
    }
  }

  async #send(operation: ApiOperation, request: ApiOutgoing<never>): Promise<Response> {
    const { fetcher, baseUrl, token, agent } = this.#options;
    const { body, path = {}, query = {} } = request as {
      readonly body?: unknown;
      readonly path?: Readonly<Record<string, string>>;
      readonly query?: Readonly<Record<string, unknown>>;
    };
    const url = new URL(baseUrl + API_BASE_PATH + filledIn(operation.path, path));
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers = new Headers({ "user-agent": agent, "accept": "application/json" });
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    if (body !== undefined) headers.set("content-type", "application/json");
    try {
      return await fetcher(
        new Request(url, {
          method: operation.method,
          headers,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
      );
    } catch (cause) {
      throw new GitStratumError("unavailable", "Fail to reach the server", {
        data: { server: baseUrl, reason: cause instanceof Error ? cause.message : String(cause) },
        cause,
      });
    }
  }
}

/** A listing of the API: ids of operations whose answers have a `next`. */
export type ListingId = {
  [Id in ApiOperationId]: AdminAnswer<Id> extends { next?: string | undefined } ? Id : never;
}[ApiOperationId];

/** The entries of a listing. */
export type EntryOf<Id extends ListingId> = AdminAnswer<Id> extends infer Page
  ? Page[Exclude<keyof Page, "next">] extends readonly (infer Entry)[] ? Entry : never
  : never;

/**
 * All pages of a listing, one after the other, as somebody takes them; at most `limit` entries.
 *
 * @throws as {@link AdminApi.call}
 */
export async function* pagesOf<Id extends ListingId>(
  api: AdminApi,
  id: Id,
  options: { readonly request?: AdminRequest<Id>; readonly limit?: number | undefined } = {},
): AsyncGenerator<readonly EntryOf<Id>[]> {
  let left = options.limit ?? Infinity;
  let after: string | undefined;
  while (left > 0) {
    const query = {
      ...(options.request?.query ?? {}),
      limit: Math.min(left, PAGE_COUNT),
      ...(after === undefined ? {} : { after }),
    };
    const answer = await api.call(id, { ...options.request, query } as AdminRequest<Id>);
    const { next, ...named } = answer as { readonly next?: string };
    const entries = Object.values(named)[0] as EntryOf<Id>[];
    left -= entries.length;
    yield entries;
    if (next === undefined) return;
    after = next;
  }
}

function filledIn(template: string, names: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{([a-zA-Z]+)\}/g, (_, name) => encodeURIComponent(names[name]!));
}

async function jsonOf(response: Response): Promise<unknown> {
  try {
    const bytes = await readBodyBytes(response, { bytesMax: ANSWER_BYTES_MAX });
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    if (cause instanceof GitStratumError) throw cause;
    throw noServer(response, cause);
  }
}

async function errorOf(response: Response): Promise<GitStratumError> {
  const parsed = errorSchema.safeParse(await jsonOf(response));
  if (!parsed.success) return noServer(response);
  const { code, message, data } = parsed.data.error;
  return new GitStratumError(code satisfies ErrorCode, message, { data: data satisfies ErrorData });
}

function noServer(response: Response, cause?: unknown): GitStratumError {
  const code = response.status >= 500 || response.status === 429 ? "unavailable" : "unsupported";
  return new GitStratumError(code, "Receive an answer that is no management API's", {
    data: { status: response.status },
    cause,
  });
}
