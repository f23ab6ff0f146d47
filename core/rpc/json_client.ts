/**
 * JSON calls: the small base on which clients and services of control messages stand.
 *
 * Both ends validate: the service parses what it is asked, the client parses what it is told, each
 * against a schema and within a size. A call that gets no answer is `unavailable`; whether it took
 * effect is then unknown, so calls are made to be repeated.
 *
 * @module
 */

import type { z } from "zod";
import { GitStratumError } from "../error.ts";
import { JSON_BODY_BYTES_MAX } from "../limits.ts";
import { type Message, readBodyBytes } from "./body.ts";
import { readErrorResponse } from "./error_response.ts";
import type { Fetcher } from "./fetcher.ts";

/** Where in-process and test clients address their service: no such host is ever looked up. */
export const LOCAL_BASE_URL = "http://gitstratum.internal";

/** What a JSON call sends and expects. */
export interface JsonCall<T> {
  /** `POST` unless told. */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The JSON value to send; absent for none. */
  readonly body?: unknown;
  /** What the answer must be. */
  readonly schema: z.ZodType<T>;
  /** Longest answer in bytes; `JSON_BODY_BYTES_MAX` unless told. */
  readonly bytesMax?: number;
  /** Aborts the call. */
  readonly signal?: AbortSignal;
}

/** Where a client's calls go, and for how long. */
export interface ClientOptions {
  /** Without a slash at its end; {@link LOCAL_BASE_URL} unless told. */
  readonly baseUrl?: string;
  /** Aborts all calls. */
  readonly signal?: AbortSignal;
}

/** Calls a service that speaks JSON. */
export class JsonClient {
  readonly #fetcher: Fetcher;
  readonly #baseUrl: string;
  readonly #signal: AbortSignal | undefined;

  /** Makes a client. */
  constructor(fetcher: Fetcher, options: ClientOptions = {}) {
    this.#fetcher = fetcher;
    this.#baseUrl = options.baseUrl ?? LOCAL_BASE_URL;
    this.#signal = options.signal;
  }

  /**
   * Makes one call and returns its validated answer.
   *
   * @throws whatever error the service answers
   * @throws `unavailable` when no answer arrives, or one that does not fit the schema
   */
  async call<T>(path: string, call: JsonCall<T>): Promise<T> {
    const response = await this.send(path, {
      method: call.method ?? "POST",
      ...(call.body === undefined ? {} : {
        body: JSON.stringify(call.body),
        headers: { "content-type": "application/json" },
      }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    });
    return await readAnswer(response, path, call);
  }

  /**
   * Sends any request and returns its response, once that is known to be a success.
   *
   * @throws whatever error the service answers
   * @throws `unavailable` when no answer arrives; `aborted` when the signal aborted
   */
  async send(path: string, init: RequestInit): Promise<Response> {
    const response = await this.#fetch(path, init);
    if (response.ok) return response;
    throw await readErrorResponse(response);
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const signal = either(this.#signal, init.signal ?? undefined);
    try {
      const request = signal === undefined ? init : { ...init, signal };
      return await this.#fetcher(new Request(this.#baseUrl + path, request));
    } catch (cause) {
      if (init.signal?.aborted) {
        throw new GitStratumError("aborted", "Abort a call", { data: { path }, cause });
      }
      throw new GitStratumError("unavailable", "Reach a service", { data: { path }, cause });
    }
  }
}

/** A signal that aborts with the first of two. */
function either(one?: AbortSignal, other?: AbortSignal): AbortSignal | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return AbortSignal.any([one, other]);
}

/**
 * The validated JSON body of an answer to a call of `path`.
 *
 * @throws `unavailable` when it does not fit the schema
 */
export async function readAnswer<T>(
  response: Response,
  path: string,
  expected: { readonly schema: z.ZodType<T>; readonly bytesMax?: number },
): Promise<T> {
  try {
    return await readJson(response, expected.schema, expected);
  } catch (cause) {
    // A bad answer is no fault of the caller, and the next one may be good.
    throw new GitStratumError("unavailable", "Receive an answer of another shape", {
      data: { path, ...(cause instanceof GitStratumError ? cause.data : {}) },
      cause,
    });
  }
}

/**
 * The validated JSON body of a request or response.
 *
 * @throws `invalid` when it is no JSON or does not fit; `exhausted` when it is too long
 */
export async function readJson<T>(
  message: Message,
  schema: z.ZodType<T>,
  options: { readonly bytesMax?: number } = {},
): Promise<T> {
  const bytes = await readBodyBytes(message, {
    bytesMax: options.bytesMax ?? JSON_BODY_BYTES_MAX,
  });
  const parsed = schema.safeParse(parseJson(bytes));
  if (parsed.success) return parsed.data;
  throw new GitStratumError("invalid", "Expect a body of another shape", {
    data: { problem: parsed.error.message.slice(0, 500) },
  });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new GitStratumError("invalid", "Expect JSON", { data: { bytes: bytes.length }, cause });
  }
}
