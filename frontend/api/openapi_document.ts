/**
 * The OpenAPI 3.1 document of the API, made from the operations and the very schemas that check
 * requests.
 *
 * @module
 */

import { z } from "zod";
import { ERROR_CODES } from "@gitstratum/core";
import type { ApiOperation } from "./api_operation.ts";

/** A JSON value of the document. */
type Json = Readonly<Record<string, unknown>>;

const SCHEMA_PLACE = "#/components/schemas/";

/** The body of every failure. */
export const apiErrorSchema = z.strictObject({
  error: z.strictObject({
    code: z.enum(ERROR_CODES).describe("`unavailable` alone means: ask again"),
    message: z.string(),
    data: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  }),
}).meta({ title: "Error" });

/** Makes the document. */
export function openApiDocument(
  operations: Readonly<Record<string, ApiOperation>>,
  options: { readonly version: string },
): Json {
  const schemas: Record<string, unknown> = {};
  schemas.Error = jsonSchemaOf(apiErrorSchema, schemas);
  const paths: Record<string, Record<string, Json>> = {};
  for (const [id, operation] of Object.entries(operations)) {
    const path = paths[operation.path] ??= {};
    path[operation.method.toLowerCase()] = describedOperation(id, operation, schemas);
  }
  return {
    openapi: "3.1.0",
    info: { title: "GitStratum", version: options.version },
    servers: [{ url: "/api/v1" }],
    security: [{}, { basic: [] }, { bearer: [] }],
    tags: [...new Set(Object.values(operations).map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas,
      securitySchemes: {
        basic: { type: "http", scheme: "basic", description: "A user name, a token as password" },
        bearer: { type: "http", scheme: "bearer", description: "A token" },
      },
    },
  };
}

function describedOperation(
  id: string,
  operation: ApiOperation,
  schemas: Record<string, unknown>,
): Json {
  const { tag, summary, description, shapes, status, asks } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    "x-asks": asks,
    parameters: [
      ...parametersOf("path", shapes.path, schemas),
      ...parametersOf("query", shapes.query, schemas),
    ],
    ...(shapes.body === undefined ? {} : {
      requestBody: { required: true, content: contentOf(shapes.body, `${id}Request`, schemas) },
    }),
    responses: {
      [status]: {
        description: "Done",
        ...(shapes.answer === undefined
          ? {}
          : { content: contentOf(shapes.answer, `${id}Answer`, schemas) }),
      },
      default: {
        description: "Refused, or failed",
        content: { "application/json": { schema: { $ref: `${SCHEMA_PLACE}Error` } } },
      },
    },
  };
}

function parametersOf(
  place: "path" | "query",
  schema: z.ZodObject,
  schemas: Record<string, unknown>,
): Json[] {
  const { properties = {}, required = [] } = jsonSchemaOf(schema, schemas) as {
    readonly properties?: Readonly<Record<string, Json>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...parameter }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: parameter,
  }));
}

/** Schemas with a title stand once in the document, under it; others under a name of their own. */
function contentOf(schema: z.ZodType, name: string, schemas: Record<string, unknown>): Json {
  const key = titleOf(schema) ?? name[0]!.toUpperCase() + name.slice(1);
  schemas[key] ??= jsonSchemaOf(schema, schemas);
  return { "application/json": { schema: { $ref: SCHEMA_PLACE + key } } };
}

/** What may be sent, and what is answered before it is read: both have their input's shape. */
function jsonSchemaOf(schema: z.core.$ZodType, schemas: Record<string, unknown>): Json {
  const { $schema: _, ...shape } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override({ zodSchema, jsonSchema }) {
      const title = titleOf(zodSchema);
      if (title === undefined || zodSchema === schema) return;
      schemas[title] ??= jsonSchemaOf(zodSchema, schemas);
      for (const word of Object.keys(jsonSchema)) delete jsonSchema[word];
      jsonSchema.$ref = SCHEMA_PLACE + title;
    },
  });
  return shape;
}

function titleOf(schema: z.core.$ZodType): string | undefined {
  return z.globalRegistry.get(schema)?.title;
}
