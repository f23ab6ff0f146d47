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
import type { Attributed, DirectorySteps, NameClaim, NameHolder } from "./directory_steps.ts";
import type { NameState, RepositoryState } from "./partition_view.ts";

/** Where the steps are asked for; the step's name follows. */
export const DIRECTORY_PATH = "/metadata/v1/internal/directory";

const ID = /^[0-9a-f]{32}$/;
const repositoryId = z.string().regex(ID).transform((text) => text as RepositoryId);
const networkId = z.string().regex(ID).transform((text) => text as NetworkId);
const time = z.number().int().nonnegative();
const name = z.string().max(250).transform((text, context): RepositoryName => {
  try {
    return parseRepositoryName(text);
  } catch {
    context.addIssue({ code: "custom", message: "Expect a repository name" });
    return z.NEVER;
  }
});

const keySchema: z.ZodType<RepositoryKey> = z.object({ repositoryId, networkId });
const deleteSchema: z.ZodType<Attributed<RepositoryKey>> = z.object({
  repositoryId,
  networkId,
  provenance: provenanceSchema.optional(),
}) as unknown as z.ZodType<Attributed<RepositoryKey>>;
/** What is made, beside who wants it: the first has a schema of its own. */
const createSchema: z.ZodType<Attributed<RepositoryInfo>> = z.object({
  info: repositoryInfoSchema,
  provenance: provenanceSchema.optional(),
}).transform(({ info, provenance }) =>
  provenance === undefined ? info : { ...info, provenance }
) as unknown as z.ZodType<Attributed<RepositoryInfo>>;
const holderSchema: z.ZodType<NameHolder> = z.object({ name, repositoryId, networkId });
const claimSchema: z.ZodType<NameClaim> = z.object({ name, repositoryId, networkId, atMs: time });
const nameStateSchema: z.ZodType<NameState> = z.object({
  name,
  repositoryId,
  networkId,
  confirmed: z.boolean(),
  atMs: time,
});
const repositoryStateSchema: z.ZodType<RepositoryState> = z.object({
  name,
  repositoryId,
  networkId,
  objectFormat: z.enum(OBJECT_FORMATS),
  // A repository that was barred before it was created has none.
  head: z.string(),
  createdAtMs: time,
  settings: repositorySettingsSchema,
  refsVersion: time,
  deleted: z.boolean(),
});

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
  confirm: shape(holderSchema, nothing),
  release: shape(holderSchema, nothing),
  repository: shape(keySchema, repositoryStateSchema),
  create: shape(createSchema, repositoryStateSchema),
  delete: shape(deleteSchema, holderSchema),
  bar: shape(claimSchema, z.boolean()),
  finish: shape(keySchema, nothing),
} as const satisfies Record<keyof DirectorySteps, unknown>;
