/**
 * The shapes of a release as a file that the next release is held against: how each is read, as JSON
 * Schema, and messages that were written.
 *
 * @module
 */

import { z } from "zod";
import type { Shape } from "./shapes/mod.ts";

/** A part of a JSON Schema, as far as it is compared. */
export interface JsonShape {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonShape>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonShape;
  readonly items?: boolean | JsonShape;
  readonly prefixItems?: readonly JsonShape[];
  readonly oneOf?: readonly JsonShape[];
  readonly anyOf?: readonly JsonShape[];
  readonly allOf?: readonly JsonShape[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly maximum?: number;
  readonly minimum?: number;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

/** One shape of a release. */
export interface ReleaseShape {
  /** What its readers take. */
  readonly reads: JsonShape;
  /** What was written. */
  readonly messages: readonly unknown[];
}

/** All shapes of a release by their names. */
export type ReleaseShapes = Readonly<Record<string, ReleaseShape>>;

/** The shape as its readers take it. */
export function jsonShape(schema: z.ZodType): JsonShape {
  const { $schema: _, ...shape } = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    reused: "inline",
  });
  return shape as JsonShape;
}

/** The shapes of this release. */
export function releaseShapes(shapes: readonly Shape[]): ReleaseShapes {
  return Object.fromEntries(
    shapes.map(({ name, schema, samples }) => [
      name,
      { reads: jsonShape(schema), messages: samples },
    ]),
  );
}

/** A file of shapes: a line of JSON for each. */
export function releaseText(shapes: ReleaseShapes): string {
  return Object.entries(shapes)
    .map(([name, shape]) => `${JSON.stringify({ name, ...shape })}\n`).join("");
}

/** The shapes of such a file. */
export function readReleaseText(text: string): ReleaseShapes {
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  return Object.fromEntries(lines.map(({ name, ...shape }) => [name, shape as ReleaseShape]));
}
