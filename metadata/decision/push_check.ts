/**
 * Checks a push against objects before it is decided: connectivity, and what its new tips are.
 *
 * A tip may be set when it is in the pushed group and everything that the group refers to outside
 * itself is reachable in this repository, or when it is reachable there already. Reachable in the
 * network is not enough. The verdict stays true until the push is decided, because what was reachable
 * stays so for a grace time that is far longer than a decision takes.
 *
 * @module
 */

import {
  type Clock,
  FRESH_INDEX_MS_MAX,
  GitStratumError,
  hasCode,
  PUSH_DURATION_MS_MAX,
} from "@gitstratum/core";
import { isZeroOid, type Oid, oidToBytes } from "@gitstratum/core/git";
import { externalRow, isExternal, PackIndex } from "@gitstratum/core/pack";
import {
  type ExtentStore,
  type FreshIndex,
  groupExtents,
  type LocatedObject,
  type PackGroup,
  packId,
  packRanges,
  type PushRequest,
  type RepositorySettings,
} from "@gitstratum/core/rpc";
import { type AncestryView, findNonFastForwards } from "./fast_forward.ts";
import type { RepositoryRefsView } from "../state/pack_catalogue.ts";
import type { NetworkView } from "../reach/network_view.ts";
import {
  findReferenceFacts,
  type ReferenceFacts,
  type ReferenceFactsSearch,
} from "./reference_facts.ts";
import type { TipFacts } from "./reference_transaction.ts";

/** What the check asks of the reading side. */
export type ConnectivityView =
  & Pick<
    NetworkView,
    | "contains"
    | "reachesNeeded"
    | "objectType"
    | "peel"
    | "mistypedLinks"
    | "noteIndex"
    | "known"
  >
  & AncestryView
  & ReferenceFactsSearch["view"];

/** What a push may do as far as objects go. */
export interface PushVerdict {
  /** Of every new id that may be set. */
  readonly facts: ReadonlyMap<Oid, TipFacts>;
  /** New ids that may not be set. */
  readonly missing: ReadonlySet<Oid>;
  /** New ids for which the pushed group is needed. */
  readonly inGroup: ReadonlySet<Oid>;
  /** Why branches may not move like this, by the command's position; absent when not looked for. */
  readonly nonFastForwards?: ReadonlyMap<number, string>;
  /** What rules for references asked about commands, by the command's position. */
  readonly references?: ReadonlyMap<number, ReferenceFacts>;
  /** Commits whose signatures are to be checked before the push is decided. */
  readonly unchecked?: readonly LocatedObject[];
  /** Objects of the group to be compared with the network's before the push is decided. */
  readonly known?: readonly Oid[];
}

/** What the check stands on. */
export interface PushCheckOptions {
  readonly view: ConnectivityView;
  readonly extents: ExtentStore;
  readonly clock: Pick<Clock, "nowMs">;
  /** They say whether {@link PushVerdict.nonFastForwards} and `references` are looked for. */
  readonly settings: Pick<RepositorySettings, "denyNonFastForwards" | "protectedReferences">;
}

/**
 * Checks a push.
 *
 * @throws `invalid` when the group is not what the push says, or is too old to be committed
 * @throws errors of the extent store
 */
export async function checkPush(
  refs: RepositoryRefsView,
  request: Pick<
    PushRequest,
    "commands" | "group" | "freshIndex" | "signatures" | "uncompared"
  >,
  options: PushCheckOptions,
): Promise<PushVerdict> {
  const tips = new Set(
    request.commands.map(({ newOid }) => newOid).filter((oid) => !isZeroOid(oid)),
  );
  const group = request.group &&
    await soundGroup(refs, { ...request, group: request.group }, options);
  const known = group !== undefined && request.uncompared === true
    ? await knownOids(refs, group, options.view)
    : [];
  if (known.length > 0) return { facts: new Map(), missing: tips, inGroup: new Set(), known };
  const facts = new Map<Oid, TipFacts>();
  const inGroup = new Set<Oid>();
  for (const oid of group === undefined ? [] : tips) {
    const ordinal = group!.find(oidToBytes(oid));
    if (ordinal < 0) continue;
    inGroup.add(oid);
    facts.set(oid, await factsInGroup(refs, { index: group!, ordinal, view: options.view }));
  }
  const others = [...tips].filter((oid) => !inGroup.has(oid));
  const missing = new Set(others.length === 0 ? [] : await options.view.contains(refs, others));
  for (const oid of others) {
    if (!missing.has(oid)) facts.set(oid, await factsInNetwork(refs, oid, options.view));
  }
  const { view, settings } = options;
  const { denyNonFastForwards, protectedReferences: rules = [] } = settings;
  const search = { refs, view, group, missing };
  const { commands } = request;
  return {
    facts,
    missing,
    inGroup,
    ...(denyNonFastForwards
      ? { nonFastForwards: await findNonFastForwards(commands, search) }
      : {}),
    ...await findReferenceFacts(commands, {
      ...search,
      rules,
      tips: facts,
      pushed: request.group,
      signatures: request.signatures,
    }),
  };
}

/** The group's index, or undefined when something that the group needs is not reachable. */
async function soundGroup(
  refs: RepositoryRefsView,
  { group, freshIndex }: GroupRequest,
  options: PushCheckOptions,
): Promise<PackIndex | undefined> {
  const isFresh = freshIndex !== undefined && isBelieved(freshIndex, group, options.clock);
  if (!isFresh) await checkAge(group, options);
  const index = isFresh ? openIndex(freshIndex) : await readIndex(group, options.extents);
  if (!describes(index, group) || index.format !== refs.objectFormat) {
    throw new GitStratumError("invalid", "Commit a group that its index does not describe", {
      data: { groupId: group.groupId },
    });
  }
  if (!await options.view.reachesNeeded(refs, index)) return undefined;
  if ((await options.view.mistypedLinks(refs, index)).length > 0) return undefined;
  options.view.noteIndex(group, index);
  return index;
}

/** What the network stores under ids of a group already. */
async function knownOids(
  refs: RepositoryRefsView,
  index: PackIndex,
  view: ConnectivityView,
): Promise<readonly Oid[]> {
  const rows = await view.known(refs, index.sortedOids);
  return Array.from(rows, (row) => index.oidAt(row));
}

/** What a push says of its group. */
type GroupRequest = { readonly group: PackGroup } & Pick<PushRequest, "freshIndex">;

/**
 * Whether an index that came along needs not be read back, nor its extents' age be asked for. Whoever
 * sent it may have stood still since, and its clock may be wrong: then both are.
 */
function isBelieved(
  { bytes, storedAfterMs }: FreshIndex,
  group: PackGroup,
  clock: Pick<Clock, "nowMs">,
): boolean {
  const ageMs = clock.nowMs() - storedAfterMs;
  return bytes.length === group.indexBytes && Math.abs(ageMs) <= FRESH_INDEX_MS_MAX;
}

function openIndex({ bytes }: FreshIndex): PackIndex {
  try {
    return PackIndex.open(bytes);
  } catch (cause) {
    // What is stored may be intact: the push can be sent again.
    if (!hasCode(cause, "corrupt")) throw cause;
    throw new GitStratumError("unavailable", "Receive an index that was damaged on its way", {
      data: { bytes: bytes.length },
      cause,
    });
  }
}

/** A push must commit well before its oldest extent may be taken for an orphan. */
async function checkAge(group: PackGroup, { extents, clock }: PushCheckOptions): Promise<void> {
  const first = groupExtents(group).next().value!;
  const info = await extents.stat(first);
  if (info === undefined) {
    throw new GitStratumError("invalid", "Commit a group whose extents are not stored", {
      data: { extent: first },
    });
  }
  const ageMs = clock.nowMs() - info.writtenAtMs;
  if (ageMs <= PUSH_DURATION_MS_MAX) return;
  throw new GitStratumError("invalid", "Commit a push that took too long", {
    data: { ageMs, ageMsMax: PUSH_DURATION_MS_MAX },
  });
}

async function readIndex(group: PackGroup, extents: ExtentStore): Promise<PackIndex> {
  const bytes = new Uint8Array(group.indexBytes);
  const whole = { offset: 0, length: group.indexBytes, extentBytes: group.extentBytes };
  let position = 0;
  for (const range of packRanges(packId(group.groupId, "i"), whole)) {
    bytes.set(await extents.read(range.id, range), position);
    position += range.length;
  }
  return PackIndex.open(bytes);
}

function describes(index: PackIndex, group: PackGroup): boolean {
  return index.historyBytes === group.historyBytes && index.contentBytes === group.contentBytes &&
    index.historyCount === group.historyCount && index.contentCount === group.contentCount;
}

async function factsInGroup(
  refs: RepositoryRefsView,
  { index, ordinal, view }: {
    readonly index: PackIndex;
    readonly ordinal: number;
    readonly view: ConnectivityView;
  },
): Promise<TipFacts> {
  const type = index.typeAt(ordinal);
  if (type !== "tag") return { type };
  let at = ordinal;
  while (index.typeAt(at) === "tag") {
    const target = index.tagTarget(tagIndexOf(index, at));
    if (!isExternal(target)) {
      at = target;
      continue;
    }
    const oid = index.externalOid(externalRow(target));
    const peeled = await view.peel(refs, oid);
    return peeled === undefined ? { type } : { type, peeled };
  }
  return { type, peeled: index.oidAt(at) };
}

function tagIndexOf(index: PackIndex, ordinal: number): number {
  let low = 0;
  let high = index.tagCount;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (index.tagOrdinal(middle) < ordinal) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function factsInNetwork(
  refs: RepositoryRefsView,
  oid: Oid,
  view: ConnectivityView,
): Promise<TipFacts> {
  const type = await view.objectType(refs, oid);
  if (type === undefined) {
    throw new GitStratumError("corrupt", "Find no type of a reachable object", { data: { oid } });
  }
  if (type !== "tag") return { type };
  const peeled = await view.peel(refs, oid);
  return peeled === undefined ? { type } : { type, peeled };
}
