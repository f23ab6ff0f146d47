/**
 * One operation of the management API: its place, its shapes, and the permission that it asks for.
 *
 * An operation is data without code. The server answers it, the command line calls it and the OpenAPI
 * document describes it from this one description, so that the three can not tell different stories.
 *
 * @module
 */

import { z } from "zod";
import { assert } from "@gitstratum/core";
import type { OwnerOperation, RepositoryOperation } from "@gitstratum/core/access";

/** What a caller has to be allowed; there is no operation without it. */
export type ApiQuestion =
  /** Nothing: what is answered is the caller's own, or is left out where they may not read it. */
  | { readonly on: "nothing" }
  /** Something in the repository that the path names as `owner` and `name`. */
  | { readonly on: "repository"; readonly operation: RepositoryOperation }
  /** Something with the owner that the path names as `owner`, or the body in `name`. */
  | { readonly on: "owner"; readonly operation: OwnerOperation }
  /** The keys and tokens of the user that the path names as `user`. */
  | { readonly on: "account" }
  /** What administrators do. */
  | { readonly on: "server" };

/** Methods of operations. */
export type ApiMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Statuses of success. */
export type ApiStatus = 200 | 201 | 202 | 204;

/** The shapes of an operation's parts. */
export interface ApiShapes {
  /** Names in the path. */
  readonly path: z.ZodObject;
  /** What stands behind the question mark. */
  readonly query: z.ZodObject;
  /** The JSON body; undefined = none is read. */
  readonly body: z.ZodType | undefined;
  /** The JSON answer; undefined = none is given. */
  readonly answer: z.ZodType | undefined;
}

/** An operation. */
export interface ApiOperation<
  Shapes extends ApiShapes = ApiShapes,
  Asks extends ApiQuestion = ApiQuestion,
> extends ApiPlace {
  /** What has to be allowed. */
  readonly asks: Asks;
  /** What goes in and out. */
  readonly shapes: Shapes;
}

/** Where an operation is, and what people read about it. */
export interface ApiPlace {
  /** Heading of the document under which it stands. */
  readonly tag: string;
  /** How it is asked. */
  readonly method: ApiMethod;
  /** Below `/api/v1`, names in braces: `/repos/{owner}/{name}`. */
  readonly path: string;
  /** One sentence, no full stop. */
  readonly summary: string;
  /** What else to know. */
  readonly description?: string;
  /** The status of success. */
  readonly status: ApiStatus;
  /** Path of what was made, with fields of the answer in braces. */
  readonly location?: string;
}

/** What a handler is given, after validation. */
export interface ApiInput<Shapes extends ApiShapes> {
  /** Names in the path. */
  readonly path: z.output<Shapes["path"]>;
  /** What stood behind the question mark. */
  readonly query: z.output<Shapes["query"]>;
  /** The body. */
  readonly body: Output<Shapes["body"]>;
}

/** What a client sends; query and body may be left out where nothing in them is needed. */
export interface ApiOutgoing<Shapes extends ApiShapes> {
  /** Names in the path. */
  readonly path?: z.input<Shapes["path"]>;
  /** What stands behind the question mark. */
  readonly query?: z.input<Shapes["query"]>;
  /** The body. */
  readonly body?: Input<Shapes["body"]>;
}

/** What a handler gives back. */
export type ApiAnswer<Shapes extends ApiShapes> = Output<Shapes["answer"]>;

type Output<Type> = Type extends z.ZodType ? z.output<Type> : undefined;
type Input<Type> = Type extends z.ZodType ? z.input<Type> : undefined;

/** What describes an operation; shapes that it does not have are left out. */
export type ApiDescription<
  Path extends z.ZodRawShape,
  Query extends z.ZodRawShape,
  Body extends z.ZodType | undefined,
  Answer extends z.ZodType | undefined,
  Asks extends ApiQuestion,
> = Omit<ApiPlace, "status"> & {
  readonly status?: ApiStatus;
  readonly asks: Asks;
  readonly names?: Path;
  readonly query?: Query;
  readonly body?: Body;
  readonly answer?: Answer;
};

/** Describes an operation. Unknown fields are refused everywhere. */
export function apiOperation<
  const Asks extends ApiQuestion,
  Path extends z.ZodRawShape = Record<never, never>,
  Query extends z.ZodRawShape = Record<never, never>,
  Body extends z.ZodType | undefined = undefined,
  Answer extends z.ZodType | undefined = undefined,
>(description: ApiDescription<Path, Query, Body, Answer, Asks>) {
  const { names, query, body, answer, asks, ...place } = description;
  const named = [...place.path.matchAll(/\{([a-zA-Z]+)\}/g)].map(([, name]) => name);
  assert(
    named.length === Object.keys(names ?? {}).length && named.every((name) => name! in names!),
    "A path names its parameters",
  );
  return {
    ...place,
    status: place.status ?? (answer === undefined ? 204 : 200),
    asks,
    shapes: {
      path: z.strictObject(names ?? {} as Path),
      query: z.strictObject(query ?? {} as Query),
      body: body as Body,
      answer: answer as Answer,
    },
  } as const;
}
