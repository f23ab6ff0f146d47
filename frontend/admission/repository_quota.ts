/**
 * What a repository may grow to: stored bytes, references, sizes of pushes and objects.
 *
 * The server has limits, and the settings of a repository may have lower ones. Bytes are those that
 * pushes to this repository brought: what a fork shares with its parent is the parent's, so that it is
 * counted once.
 *
 * What is stored is looked up when a pack begins to arrive. Pushes that arrive at the same moment do
 * not see each other, so together they may exceed a quota by what they bring; the next one is refused.
 *
 * @module
 */

import { GitStratumError, type QuotaLimits } from "@gitstratum/core";
import { isZeroOid } from "@gitstratum/core/git";
import type {
  Metadata,
  ReferenceCommand,
  RepositoryInfo,
  RepositoryUsage,
} from "@gitstratum/core/rpc";
import type { IngestedPack, IngestPack, IngestRequest } from "../session/ingest_pack.ts";

/** The smaller of two limits, of which either may be absent. */
function lower(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? one ?? other : Math.min(one, other);
}

/** What holds for a repository: the server's limits, and its own where they are lower. */
export function quotaOf(
  { settings }: Pick<RepositoryInfo, "settings">,
  limits: QuotaLimits,
): QuotaLimits {
  const pick = (key: keyof QuotaLimits) => {
    const value = lower(settings[key], limits[key]);
    return value === undefined ? {} : { [key]: value };
  };
  return {
    ...pick("repositoryBytesMax"),
    ...pick("referenceCountMax"),
    ...pick("pushBytesMax"),
    ...pick("objectBytesMax"),
  };
}

/** How many references a push adds, less those that it takes away. */
function addedReferences(commands: readonly ReferenceCommand[]): number {
  return commands.reduce((count, { oldOid, newOid }) => {
    if (isZeroOid(newOid)) return count - 1;
    return isZeroOid(oldOid) ? count + 1 : count;
  }, 0);
}

function exceeded(text: string): GitStratumError {
  return new GitStratumError("exhausted", "Refuse a push above a quota", {
    data: { clientText: text },
  });
}

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** A number of bytes for people. */
function shown(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${Math.round(bytes / 2 ** (10 * unit) * 10) / 10} ${UNITS[unit]}`;
}

/** The bytes that a push may still bring. @throws `exhausted` when there are none */
function bytesLeft(bytesMax: number, usage: RepositoryUsage): number {
  const left = bytesMax - usage.broughtBytes;
  if (left > 0) return left;
  throw exceeded(
    `repository is full: it stores ${shown(usage.broughtBytes)} and may store ${shown(bytesMax)}`,
  );
}

/** @throws `exhausted` when a push makes too many references */
function checkReferences(
  countMax: number,
  usage: RepositoryUsage,
  commands: readonly ReferenceCommand[],
): void {
  const added = addedReferences(commands);
  const count = usage.referenceCount + added;
  if (added <= 0 || count <= countMax) return;
  throw exceeded(`too many references: the push would make them ${count}, ${countMax} are allowed`);
}

/** Takes packs in as `ingest` does, within quotas. */
export function withinQuota(
  ingest: IngestPack,
  options: { readonly metadata: Pick<Metadata, "repositoryUsage">; readonly limits: QuotaLimits },
): IngestPack {
  return async (request: IngestRequest): Promise<IngestedPack> => {
    const { repository } = request;
    const { repositoryBytesMax, referenceCountMax, ...sizes } = quotaOf(repository, options.limits);
    const isCounted = repositoryBytesMax !== undefined || referenceCountMax !== undefined;
    const usage = isCounted ? await options.metadata.repositoryUsage(repository) : undefined;
    if (usage !== undefined && referenceCountMax !== undefined) {
      checkReferences(referenceCountMax, usage, request.tips);
    }
    const left = usage === undefined || repositoryBytesMax === undefined
      ? undefined
      : bytesLeft(repositoryBytesMax, usage);
    const pushBytesMax = lower(sizes.pushBytesMax, left);
    const settings = {
      ...repository.settings,
      ...sizes,
      ...(pushBytesMax === undefined ? {} : { pushBytesMax }),
    };
    try {
      return await ingest({ ...request, repository: { ...repository, settings } });
    } catch (error) {
      const isFull = left !== undefined && left === pushBytesMax &&
        error instanceof GitStratumError && error.data.bytesMax === left;
      if (!isFull) throw error;
      throw exceeded(
        `repository would be too large: it may store ${shown(repositoryBytesMax!)}, of which ` +
          `${shown(left)} are left`,
      );
    }
  };
}
