/**
 * Shapes of the directory's steps between metadata nodes.
 *
 * @module
 */

import { z } from "zod";
import { OBJECT_FORMATS } from "@gitstratum/core/git";
import {
  type NetworkId,
  parseRepositoryName,
  provenanceSchema,
  type RepositoryId,
  type RepositoryInfo,
  repositoryInfoSchema,
  type RepositoryKey,
  type RepositoryName,
  repositorySettingsSchema,
} from "@gitstratum/core/rpc";
import type {
  Attributed,
  DirectorySteps,
  NameClaim,
  NameDebt,
  NameEntry,
  NewName,
  Removal,
} from "./directory_steps.ts";
import type { NameState, RepositoryState } from "../partition/partition_view.ts";

/** Where the steps are asked for; the step's name follows. */
export const DIRECTORY_PATH = "/metadata/v1/internal/directory";

const ID = /^[0-9a-f]{32}$/;
const repositoryId = z.string().regex(ID).transform((text) => text as RepositoryId);
const networkId = z.string().regex(ID).transform((text) => text as NetworkId);
const count = z.number().int().nonnegative();
/** Nodes of the release before know no versions of names. */
const version = count.default(0);
const name = z.string().max(250).transform((text, context): RepositoryName => {
  try {
    return parseRepositoryName(text);
  } catch {
    context.addIssue({ code: "custom", message: "Expect a repository name" });
    return z.NEVER;
  }
});

const keySchema: z.ZodType<RepositoryKey> = z.object({ repositoryId, networkId });
const removeSchema: z.ZodType<Attributed<RepositoryKey>> = z.object({
  repositoryId,
  networkId,
  provenance: provenanceSchema.optional(),
  requestId: z.string().regex(ID).optional(),
}) as unknown as z.ZodType<Attributed<RepositoryKey>>;
const newNameSchema: z.ZodType<Attributed<NewName>> = z.object({
  repositoryId,
  networkId,
  name,
  version: count,
  provenance: provenanceSchema.optional(),
  requestId: z.string().regex(ID).optional(),
}) as unknown as z.ZodType<Attributed<NewName>>;
const purgeSchema: z.ZodType<Removal> = z.object({
  repositoryId,
  networkId,
  removedBeforeMs: count,
  removedAtMs: count.exactOptional(),
});
/** What is made, beside who wants it: the first has a schema of its own. */
const createSchema: z.ZodType<Attributed<RepositoryInfo>> = z.object({
  info: repositoryInfoSchema,
  provenance: provenanceSchema.optional(),
}).transform(({ info, provenance }) =>
  provenance === undefined ? info : { ...info, provenance }
) as unknown as z.ZodType<Attributed<RepositoryInfo>>;
const entryShape = { name, repositoryId, networkId, version };
const entrySchema: z.ZodType<NameEntry> = z.object(entryShape);
const claimSchema: z.ZodType<NameClaim> = z.object({ ...entryShape, atMs: count });
const debtSchema: z.ZodType<NameDebt> = z.object({ ...entryShape, moves: z.boolean() });
const nameStateSchema: z.ZodType<NameState> = z.object({
  ...entryShape,
  confirmed: z.boolean(),
  moved: z.boolean().default(false),
  atMs: count,
});
const repositoryStateSchema = z.object({
  name,
  repositoryId,
  networkId,
  objectFormat: z.enum(OBJECT_FORMATS),
  // A repository that was barred before it was created has none.
  head: z.string(),
  createdAtMs: count,
  settings: repositorySettingsSchema,
  refsVersion: count,
  nameVersion: version,
  deleted: z.boolean(),
  removedAtMs: count.optional(),
  parentId: repositoryId.optional(),
}) as unknown as z.ZodType<RepositoryState>;

/** What is sent and answered for one step; the answer is a member, for it may be absent. */
interface StepShape<Q, A> {
  readonly question: z.ZodType<Q>;
  readonly answer: z.ZodType<{ readonly result?: A | undefined }>;
}

function shape<Q, A>(question: z.ZodType<Q>, result: z.ZodType<A>): StepShape<Q, A> {
  return { question, answer: z.object({ result: result.optional() }) };
}

const nothing = z.undefined();

/** The shapes of all steps. */
export const DIRECTORY_STEP_SHAPES = {
  name: shape(z.object({ name }), nameStateSchema),
  claim: shape(claimSchema, nameStateSchema),
  confirm: shape(entrySchema, nothing),
  release: shape(entrySchema, nothing),
  move: shape(claimSchema, nothing),
  repository: shape(keySchema, repositoryStateSchema),
  create: shape(createSchema, repositoryStateSchema),
  rename: shape(newNameSchema, repositoryStateSchema),
  remove: shape(removeSchema, debtSchema),
  restore: shape(newNameSchema, repositoryStateSchema),
  purge: shape(purgeSchema, nothing),
  bar: shape(claimSchema, z.boolean()),
  settle: shape(entrySchema, nothing),
  finish: shape(keySchema, nothing),
} as const satisfies Record<keyof DirectorySteps, unknown>;
