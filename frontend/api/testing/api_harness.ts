/**
 * The API over fakes, for tests: every answer is checked against the document that the API gives out.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Hono } from "@hono/hono";
import { type Clock, ManualClock, SeededRandom } from "@gitstratum/core";
import type { AccessView } from "@gitstratum/core/access";
import type { ConnectionInfo } from "@gitstratum/core/process";
import type { Fetcher } from "@gitstratum/core/rpc";
import type { AccessClient } from "@gitstratum/core/rpc/access";
import { AccessGate } from "../../access/access_gate.ts";
import type { Admission } from "../../admission/admission.ts";
import { type Authenticator, OPEN_AUTHENTICATOR } from "../../access/authenticator.ts";
import type { EventGround } from "../../events/event_ground.ts";
import { API_BASE_PATH } from "../api.ts";
import { createApi } from "../api_service.ts";
import { FakeMetadata } from "./fake_metadata.ts";
import { schemaProblems } from "./json_schema.ts";

/** How to set the API up. */
export interface ApiHarnessOptions {
  /** Nobody is asked who they are unless told. */
  readonly authenticator?: Authenticator;
  /** Accounts that the gate decides by, and that can be managed. */
  readonly accounts?: { readonly client: AccessClient; readonly view: AccessView };
  /** Who did what, and who is told of it. */
  readonly events?: EventGround;
  /** Counts what callers ask. */
  readonly admission?: Pick<Admission, "countCaller">;
  /** Time; stands still unless told. */
  readonly clock?: Clock;
  /** Changes are refused. */
  readonly readOnly?: boolean;
}

/** An answer. */
export interface HarnessAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** JSON; undefined when there is none. */
  // deno-lint-ignore no-explicit-any -- tests look into answers of every shape
  readonly body: any;
}

type Json = Readonly<Record<string, unknown>>;

/** The API, to be asked. */
export class ApiHarness {
  readonly repositories = new FakeMetadata();
  /** Failures that were told to the operator. */
  readonly failures: unknown[] = [];
  readonly #app: Hono;
  #document: Json | undefined;

  constructor(options: ApiHarnessOptions = {}) {
    const { accounts, clock = new ManualClock() } = options;
    this.#app = createApi({
      metadata: this.repositories.metadata,
      authenticator: options.authenticator ?? OPEN_AUTHENTICATOR,
      gate: new AccessGate({ clock, ...(accounts && { view: accounts.view }) }),
      ...(accounts && { accounts }),
      ...(options.admission && { admission: options.admission }),
      onFailure: (error) => void this.failures.push(error),
      ...(options.events && { events: options.events }),
      secrets: ["a secret of the cluster"],
      clock,
      random: new SeededRandom(3),
      readOnly: options.readOnly ?? false,
      version: "1.2.3",
    });
  }

  /** Asks; the body is sent as JSON unless it is a text. */
  async ask(
    request: string,
    body?: unknown,
    options: { readonly headers?: HeadersInit; readonly info?: ConnectionInfo } = {},
  ): Promise<HarnessAnswer> {
    const [method, path] = request.split(" ") as [string, string];
    const response = await this.#app.request(path, {
      method,
      ...(options.headers === undefined ? {} : { headers: options.headers }),
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    }, options.info ?? {});
    const text = await response.text();
    const answer = {
      status: response.status,
      headers: response.headers,
      body: text === "" ? undefined : JSON.parse(text),
    };
    await this.#check(method, path, answer);
    return answer;
  }

  /** Carries requests to the API under its path, as a network would. */
  readonly fetcher: Fetcher = async (request) =>
    await new Hono().route(API_BASE_PATH, this.#app).fetch(request, {});

  /** The OpenAPI document. */
  async document(): Promise<Json> {
    this.#document ??= await (await this.#app.request("/openapi.json")).json() as Json;
    return this.#document;
  }

  async #check(method: string, path: string, answer: HarnessAnswer): Promise<void> {
    const root = await this.document();
    const described = describedAt(root, method, path);
    const responses = described?.responses as Readonly<Record<string, Json>> | undefined;
    const response = responses?.[answer.status] ?? responses?.default ?? failure(root);
    const content = response.content as Readonly<Record<string, Json>> | undefined;
    if (content === undefined) return assert.equal(answer.body, undefined, `${method} ${path}`);
    const schema = content["application/json"]!.schema as Json;
    assert.deepEqual(schemaProblems(schema, answer.body, root), [], `${method} ${path}`);
    if (answer.status >= 400) assert.ok("error" in answer.body, `${method} ${path}`);
  }
}

/** What the document says of a place; undefined when it says nothing. */
function describedAt(root: Json, method: string, path: string): Json | undefined {
  const bare = path.replace(/\?.*/s, "");
  for (const [template, methods] of Object.entries(root.paths as Readonly<Record<string, Json>>)) {
    const pattern = new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, "[^/]+")}$`);
    if (pattern.test(bare)) return methods[method.toLowerCase()] as Json | undefined;
  }
  return undefined;
}

/** What is said of places that are not in the document. */
function failure(root: Json): Json {
  assert.ok((root.components as Readonly<Record<string, Json>>).schemas!.Error !== undefined);
  return { content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } } };
}
