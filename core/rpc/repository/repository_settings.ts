/**
 * What a repository's owner may set (docs/repository-settings.md).
 *
 * Nodes keep settings that a later release knows; clients can neither send nor see them.
 *
 * @module
 */

import { z } from "zod";
import type { ReferenceRule } from "../../access/reference_rule.ts";
import { VISIBILITIES, type Visibility } from "../../access/role.ts";
import { GitStratumError } from "../../error.ts";
import {
  DEFAULT_PUSH_CHANGES,
  findFsckMessageId,
  type FsckPolicy,
  fsckPolicy,
  type FsckSeverity,
} from "../../git/fsck_message.ts";
import { hiddenPatternProblem } from "../../git/hidden_references.ts";
import {
  HIDDEN_PATTERN_COUNT_MAX,
  OBJECT_BYTES_MAX,
  PUSH_BYTES_MAX,
  REPOSITORY_DESCRIPTION_LENGTH_MAX,
} from "../../limits.ts";
import {
  type OfferedBundle,
  offeredBundlesSchema,
  type OfferedPackfiles,
  offeredPackfilesSchema,
} from "./offered_download.ts";
import { BETWEEN_NODES, FROM_CLIENTS, type ObjectMaker, TO_CLIENTS } from "./object_maker.ts";
import { protectedReferencesSchema } from "./protected_references.ts";

/** The settings of a repository. */
export interface RepositorySettings {
  /** Branches only move forward (`receive.denyNonFastForwards`). */
  readonly denyNonFastForwards: boolean;
  /** Branches are not deleted (`receive.denyDeletes`). */
  readonly denyDeletes: boolean;
  /**
   * The branch that HEAD points at is not deleted (`receive.denyDeleteCurrent`); "warn" lets it go
   * and tells the client.
   */
  readonly denyDeleteCurrent: boolean | "warn";
  /** Beginnings of names that clients do not see, in git's order (`transfer.hideRefs`). */
  readonly hiddenReferences: readonly string[];
  /** Clients may ask by id for what only hidden references reach (`uploadpack.allowTipSHA1InWant`). */
  readonly allowHiddenWants: boolean;
  /** Object checks by message id, where they differ from the server's (`receive.fsck.<id>`). */
  readonly fsck: Readonly<Record<string, FsckSeverity>>;
  /** Bundles that clients are told of (`bundle.<id>.uri`). */
  readonly bundleUris: readonly OfferedBundle[];
  /** While {@link bundleUris} is empty, clients over HTTP are offered a bundle of the default branch. */
  readonly offerBundle: boolean;
  /** Packs that clones may fetch elsewhere, by the commit that they make whole. */
  readonly packfileUris: readonly OfferedPackfiles[];
  /** Inflated size of the largest object that a push may bring; absent = the server's limit. */
  readonly objectBytesMax?: number;
  /** Size of the largest pack of a push (`receive.maxInputSize`); absent = the server's limit. */
  readonly pushBytesMax?: number;
  /** Bytes that pushes to it may store, forks' pushes left aside; absent = the server's limit. */
  readonly repositoryBytesMax?: number;
  /** References that it may have; absent = the server's limit. */
  readonly referenceCountMax?: number;
  /** Who reads it without a role; absent = private. Means nothing to a server without accounts. */
  readonly visibility?: Visibility;
  /** What is not done to which references, by anybody; absent = nothing is protected. */
  readonly protectedReferences?: readonly ReferenceRule[];
  /** One line for people who look for a repository; absent = none. */
  readonly description?: string;
  /** Nobody pushes to it, whatever their role; absent = people may. It is read as before. */
  readonly archived?: boolean;
}

/** New values of some settings; null brings a default back, absent ones stay. */
export type RepositorySettingsChange = {
  readonly [Key in keyof RepositorySettings]?: RepositorySettings[Key] | null | undefined;
};

/** What applies until something is set. */
export const DEFAULT_REPOSITORY_SETTINGS: RepositorySettings = {
  denyNonFastForwards: false,
  denyDeletes: false,
  denyDeleteCurrent: true,
  hiddenReferences: [],
  allowHiddenWants: false,
  fsck: {},
  bundleUris: [],
  offerBundle: false,
  packfileUris: [],
};

const hiddenReferences = z.array(
  z.string().superRefine((pattern, context) => {
    const message = hiddenPatternProblem(pattern);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  }),
).max(HIDDEN_PATTERN_COUNT_MAX);

/** Message ids become git's own spelling; an unknown one, or a fatal one made less, is refused. */
const fsck = z.record(z.string(), z.enum(["error", "warn", "ignore"])).transform(
  (changes, context) => {
    if (Object.keys(changes).length === 0) return changes;
    try {
      fsckPolicy(changes);
    } catch (error) {
      if (!(error instanceof GitStratumError)) throw error;
      const message = `the check ${String(error.data.id)} can not be changed like this`;
      context.addIssue({ code: "custom", message });
      return z.NEVER;
    }
    return Object.fromEntries(
      Object.entries(changes).map(([id, severity]) => [findFsckMessageId(id)!, severity]),
    );
  },
);

const denyDeleteCurrent = z.union([z.boolean(), z.literal("warn")]);
const objectBytesMax = z.number().int().min(1).max(OBJECT_BYTES_MAX);
const pushBytesMax = z.number().int().min(1).max(PUSH_BYTES_MAX);
const repositoryBytesMax = z.number().int().min(1);
const referenceCountMax = z.number().int().min(1);
/** No control characters and no line ends: it is shown in lists and written to terminals. */
const description = z.string().max(REPOSITORY_DESCRIPTION_LENGTH_MAX)
  .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]*$/u, "the description is not one line of text");

function settingsSchema(object: ObjectMaker): z.ZodType<RepositorySettings> {
  return object({
    denyNonFastForwards: z.boolean(),
    denyDeletes: z.boolean(),
    denyDeleteCurrent,
    hiddenReferences,
    allowHiddenWants: z.boolean(),
    fsck,
    // Settings that were written before these existed lack them.
    bundleUris: offeredBundlesSchema(object).default([]),
    offerBundle: z.boolean().default(false),
    packfileUris: offeredPackfilesSchema(object).default([]),
    objectBytesMax: objectBytesMax.optional(),
    pushBytesMax: pushBytesMax.optional(),
    repositoryBytesMax: repositoryBytesMax.optional(),
    referenceCountMax: referenceCountMax.optional(),
    visibility: z.enum(VISIBILITIES).optional(),
    protectedReferences: protectedReferencesSchema(object).optional(),
    description: description.optional(),
    archived: z.boolean().optional(),
  }) as unknown as z.ZodType<RepositorySettings>;
}

/** Schema of {@link RepositorySettings} between nodes and in the log. */
export const repositorySettingsSchema: z.ZodType<RepositorySettings> = settingsSchema(
  BETWEEN_NODES,
);
/** Schema of {@link RepositorySettings} as clients are told of them. */
export const shownSettingsSchema: z.ZodType<RepositorySettings> = settingsSchema(FROM_CLIENTS);

const known = settingsSchema(TO_CLIENTS);

/** Settings without what only a later release knows. */
export function shownSettings(settings: RepositorySettings): RepositorySettings {
  return known.parse(settings);
}

/** Whether a later release, which knows more settings, has written these. */
export function hasLaterSettings(settings: RepositorySettings): boolean {
  return JSON.stringify(shownSettings(settings)).length < JSON.stringify(settings).length;
}

function settingsChangeSchema(object: ObjectMaker): z.ZodType<RepositorySettingsChange> {
  return object(changeShape(object)) as unknown as z.ZodType<RepositorySettingsChange>;
}

const changeShape = (object: ObjectMaker) => ({
  denyNonFastForwards: z.boolean().nullish(),
  denyDeletes: z.boolean().nullish(),
  denyDeleteCurrent: denyDeleteCurrent.nullish(),
  hiddenReferences: hiddenReferences.nullish(),
  allowHiddenWants: z.boolean().nullish(),
  fsck: fsck.nullish(),
  bundleUris: offeredBundlesSchema(object).nullish(),
  offerBundle: z.boolean().nullish(),
  packfileUris: offeredPackfilesSchema(object).nullish(),
  objectBytesMax: objectBytesMax.nullish(),
  pushBytesMax: pushBytesMax.nullish(),
  repositoryBytesMax: repositoryBytesMax.nullish(),
  referenceCountMax: referenceCountMax.nullish(),
  visibility: z.enum(VISIBILITIES).nullish(),
  protectedReferences: protectedReferencesSchema(object).nullish(),
  description: description.nullish(),
  archived: z.boolean().nullish(),
});

/** Schema of {@link RepositorySettingsChange} between nodes. */
export const repositorySettingsChangeSchema: z.ZodType<RepositorySettingsChange> =
  settingsChangeSchema(BETWEEN_NODES);
/** Schema of {@link RepositorySettingsChange} from clients. */
export const askedSettingsChangeSchema: z.ZodType<RepositorySettingsChange> = settingsChangeSchema(
  FROM_CLIENTS,
);

const KNOWN_SETTINGS: ReadonlySet<string> = new Set(Object.keys(changeShape(BETWEEN_NODES)));

/** Settings that only a later release knows, after a change. */
function laterSettings(
  settings: RepositorySettings,
  change: RepositorySettingsChange,
): Readonly<Record<string, unknown>> {
  const isLater = ([key, value]: readonly [string, unknown]) =>
    !KNOWN_SETTINGS.has(key) && value !== undefined;
  const before = Object.entries(settings).filter(isLater);
  const after = Object.entries(change).filter(isLater);
  const merged = new Map([...before, ...after]);
  return Object.fromEntries(
    [...merged].filter(([, value]) => value !== null).sort(([a], [b]) => a < b ? -1 : 1),
  );
}

/** Settings after a change. Equal settings have equal JSON. */
export function changedSettings(
  settings: RepositorySettings,
  change: RepositorySettingsChange,
): RepositorySettings {
  const pick = <Key extends keyof RepositorySettings>(key: Key): RepositorySettings[Key] => {
    const value = change[key];
    if (value === undefined) return settings[key];
    return value === null ? DEFAULT_REPOSITORY_SETTINGS[key] : value as RepositorySettings[Key];
  };
  const objectBytesMax = pick("objectBytesMax");
  const pushBytesMax = pick("pushBytesMax");
  const repositoryBytesMax = pick("repositoryBytesMax");
  const referenceCountMax = pick("referenceCountMax");
  const visibility = pick("visibility");
  const protectedReferences = pick("protectedReferences") ?? [];
  const description = pick("description") ?? "";
  return {
    denyNonFastForwards: pick("denyNonFastForwards"),
    denyDeletes: pick("denyDeletes"),
    denyDeleteCurrent: pick("denyDeleteCurrent"),
    hiddenReferences: pick("hiddenReferences"),
    allowHiddenWants: pick("allowHiddenWants"),
    fsck: inOrder(pick("fsck")),
    bundleUris: pick("bundleUris"),
    offerBundle: pick("offerBundle"),
    packfileUris: pick("packfileUris"),
    ...(objectBytesMax === undefined ? {} : { objectBytesMax }),
    ...(pushBytesMax === undefined ? {} : { pushBytesMax }),
    ...(repositoryBytesMax === undefined ? {} : { repositoryBytesMax }),
    ...(referenceCountMax === undefined ? {} : { referenceCountMax }),
    ...(visibility === undefined ? {} : { visibility }),
    ...(protectedReferences.length === 0 ? {} : { protectedReferences }),
    ...(description === "" ? {} : { description }),
    ...(pick("archived") === true ? { archived: true } : {}),
    ...laterSettings(settings, change),
  };
}

function inOrder(checks: Readonly<Record<string, FsckSeverity>>): Record<string, FsckSeverity> {
  return Object.fromEntries(Object.entries(checks).sort(([a], [b]) => a < b ? -1 : 1));
}

/** How the objects of a push are checked in a repository with these settings. */
export function pushPolicyOf(settings: Pick<RepositorySettings, "fsck">): FsckPolicy {
  return fsckPolicy({ ...DEFAULT_PUSH_CHANGES, ...settings.fsck });
}
