/**
 * Requests as operations describe them: every part validated, what is unknown refused.
 *
 * @module
 */

import type { z } from "zod";
import { GitStratumError, JSON_BODY_BYTES_MAX } from "@gitstratum/core";
import { readBodyBytes } from "@gitstratum/core/rpc";
import type { ApiInput, ApiOperation, ApiShapes } from "./api_operation.ts";

/** The parts of a request, as the caller is told of them. */
type Part = "path" | "query" | "body";

/** Longest excerpt of a request in an error, in characters. */
const EXCERPT_LENGTH_MAX = 200;

/**
 * What a request asks for.
 *
 * @throws `invalid` with the first field that is wrong, and what is wrong with it
 * @throws `exhausted` for a body that is too long
 */
export async function readApiRequest<Shapes extends ApiShapes>(
  operation: ApiOperation<Shapes>,
  request: Request,
  names: Readonly<Record<string, string>>,
): Promise<ApiInput<Shapes>> {
  const { shapes } = operation;
  return {
    path: fitted("path", names, shapes.path),
    query: fitted("query", queryOf(request), shapes.query),
    body: shapes.body === undefined
      ? undefined
      : fitted("body", await bodyOf(request), shapes.body),
  } as ApiInput<Shapes>;
}

function queryOf(request: Request): Record<string, string> {
  const found: Record<string, string> = Object.create(null);
  for (const [name, value] of new URL(request.url).searchParams) {
    if (name in found) throw misfit("query", name, "it stands there more than once");
    found[name] = value;
  }
  return { ...found };
}

async function bodyOf(request: Request): Promise<unknown> {
  const bytes = await readBodyBytes(request, { bytesMax: JSON_BODY_BYTES_MAX });
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw misfit("body", "", "it is no JSON");
  }
}

function fitted<T>(part: Part, value: unknown, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const names = issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
  throw misfit(part, [...issue.path, ...names].map(String).join("."), issue.message);
}

function misfit(part: Part, field: string, problem: string): GitStratumError {
  return new GitStratumError("invalid", "Expect a request of another shape", {
    data: {
      in: part,
      ...(field === "" ? {} : { field: field.slice(0, EXCERPT_LENGTH_MAX) }),
      problem: problem.slice(0, EXCERPT_LENGTH_MAX),
    },
  });
}
