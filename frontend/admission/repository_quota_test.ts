import assert from "node:assert/strict";
import { GitStratumError, MIB, type QuotaLimits } from "@gitstratum/core";
import type { Oid } from "@gitstratum/core/git";
import {
  DEFAULT_REPOSITORY_SETTINGS,
  type ReferenceCommand,
  type RepositoryInfo,
  type RepositorySettings,
} from "@gitstratum/core/rpc";
import type { IngestRequest } from "../session/ingest_pack.ts";
import { quotaOf, withinQuota } from "./repository_quota.ts";

const ZERO = "0".repeat(40) as Oid;
const ONE = "1".repeat(40) as Oid;
const TWO = "2".repeat(40) as Oid;

const create = (name: string): ReferenceCommand => ({ name, oldOid: ZERO, newOid: ONE });
const remove = (name: string): ReferenceCommand => ({ name, oldOid: ONE, newOid: ZERO });
const update = (name: string): ReferenceCommand => ({ name, oldOid: ONE, newOid: TWO });

function repositoryOf(settings: Partial<RepositorySettings> = {}): RepositoryInfo {
  return { settings: { ...DEFAULT_REPOSITORY_SETTINGS, ...settings } } as RepositoryInfo;
}

/** A push of a pack of so many bytes into a repository that has some. */
async function push(options: {
  readonly limits?: QuotaLimits;
  readonly settings?: Partial<RepositorySettings>;
  readonly commands?: readonly ReferenceCommand[];
  readonly packBytes?: number;
}): Promise<RepositorySettings> {
  let seen: RepositorySettings | undefined;
  const usage = {
    networkBytes: 90 * MIB,
    broughtBytes: 10 * MIB,
    networkRepositoryCount: 2,
    referenceCount: 5,
  };
  const ingest = withinQuota((request) => {
    const { settings } = request.repository;
    seen = settings;
    const bytesMax = settings.pushBytesMax ?? Infinity;
    if ((options.packBytes ?? 0) > bytesMax) {
      const error = new GitStratumError("invalid", "Reject a pack above the size limit", {
        data: { bytesMax },
      });
      return Promise.reject(error);
    }
    return Promise.resolve({ group: undefined, warnings: [] });
  }, { metadata: { repositoryUsage: () => Promise.resolve(usage) }, limits: options.limits ?? {} });
  const request = { repository: repositoryOf(options.settings), tips: options.commands ?? [] };
  await ingest(request as unknown as IngestRequest);
  return seen!;
}

function refused(pattern: RegExp) {
  return (error: GitStratumError) => {
    assert.equal(error.code, "exhausted");
    assert.match(String(error.data.clientText), pattern);
    return true;
  };
}

Deno.test("quotaOf() lets settings lower what the server allows, never raise it", () => {
  const repository = repositoryOf({ pushBytesMax: 5, objectBytesMax: 100 });
  const limits = { pushBytesMax: 10, objectBytesMax: 10, referenceCountMax: 3 };
  assert.deepEqual(quotaOf(repository, limits), {
    referenceCountMax: 3,
    pushBytesMax: 5,
    objectBytesMax: 10,
  });
});

Deno.test("withinQuota() asks for no usage where nothing is counted, and hands sizes on", async () => {
  const metadata = { repositoryUsage: () => Promise.reject(new Error("not asked")) };
  let seen: RepositorySettings | undefined;
  const ingest = withinQuota((request) => {
    seen = request.repository.settings;
    return Promise.resolve({ group: undefined, warnings: [] });
  }, { metadata, limits: { pushBytesMax: 7 } });
  await ingest({ repository: repositoryOf(), tips: [] } as unknown as IngestRequest);
  assert.equal(seen?.pushBytesMax, 7);
});

Deno.test("withinQuota() counts the bytes that pushes brought, not those of forks", async () => {
  const settings = await push({ limits: { repositoryBytesMax: 50 * MIB }, packBytes: 40 * MIB });
  assert.equal(settings.pushBytesMax, 40 * MIB);
  await assert.rejects(
    push({ limits: { repositoryBytesMax: 50 * MIB }, packBytes: 40 * MIB + 1 }),
    refused(/repository would be too large: it may store 50 MiB, of which 40 MiB are left/),
  );
  await assert.rejects(
    push({ limits: { repositoryBytesMax: 10 * MIB } }),
    refused(/repository is full: it stores 10 MiB and may store 10 MiB/),
  );
  await assert.rejects(push({ settings: { repositoryBytesMax: MIB } }), refused(/is full/));
});

Deno.test("withinQuota() tells a push that is too large by itself what it always was told", async () => {
  const limits = { repositoryBytesMax: 50 * MIB, pushBytesMax: MIB };
  await assert.rejects(push({ limits, packBytes: 2 * MIB }), { code: "invalid" });
});

Deno.test("withinQuota() counts the references that a push would make", async () => {
  const limits = { referenceCountMax: 6 };
  await push({ limits, commands: [create("refs/heads/a"), update("refs/heads/b")] });
  await push({
    limits,
    commands: [create("refs/heads/a"), create("refs/heads/b"), remove("refs/heads/c")],
  });
  await push({ limits: { referenceCountMax: 2 }, commands: [update("refs/heads/b")] });
  await assert.rejects(
    push({ limits, commands: [create("refs/heads/a"), create("refs/heads/b")] }),
    refused(/too many references: the push would make them 7, 6 are allowed/),
  );
});
