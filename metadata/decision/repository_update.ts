/**
 * Decides a change of a repository itself: where HEAD points, and its settings.
 *
 * @module
 */

import { GitStratumError } from "@gitstratum/core";
import { referenceNameProblem } from "@gitstratum/core/git";
import {
  changedSettings,
  type RepositoryInfo,
  type RepositoryKey,
  repositoryVersion,
  type UpdateRepositoryRequest,
} from "@gitstratum/core/rpc";
import { infoOf } from "../directory/directory.ts";
import type { LogRecord } from "../log/log_record.ts";
import type { Decide } from "../partition/partition_primary.ts";
import { livingRepository } from "./push_decision.ts";

const BRANCHES = "refs/heads/";

/**
 * Decides a change. Both parts are one step of the log's; what is so already is a change of no version.
 * What was carried out before, or needed no change, is not done again: others may have changed it since.
 *
 * @throws `not-found` when the repository does not exist; `invalid` when HEAD would not point at a
 * branch; `conflict` when it is a change of another version
 */
export function decideUpdate(
  key: RepositoryKey,
  request: UpdateRepositoryRequest,
  atMs: number,
): Decide<RepositoryInfo> {
  if (request.head !== undefined) checkHead(request.head);
  return (view) => {
    const repository = livingRepository(view, key);
    const { repositoryId } = repository;
    const { provenance, requestId } = request;
    if (requestId !== undefined && view.isDone(repositoryId, requestId)) {
      return { records: [], answer: infoOf(repository) };
    }
    const by = {
      ...(provenance === undefined ? {} : { provenance }),
      ...(requestId === undefined ? {} : { requestId }),
    };
    const head = request.head ?? repository.head;
    const settings = changedSettings(repository.settings, request.settings ?? {});
    const records: LogRecord[] = [];
    if (head !== repository.head) {
      records.push({ kind: "head-changed", repositoryId, head, atMs, ...by });
    }
    if (JSON.stringify(settings) !== JSON.stringify(repository.settings)) {
      records.push({ kind: "settings-changed", repositoryId, settings, atMs, ...by });
    }
    if (records.length > 0) checkVersion(repository, request);
    else if (requestId !== undefined) {
      // Others may change it before the request comes again.
      records.push({ kind: "request-noted", repositoryId, requestId, atMs });
    }
    return { records, answer: infoOf({ ...repository, head, settings }) };
  };
}

function checkVersion(
  repository: Parameters<typeof repositoryVersion>[0],
  { ifVersion }: UpdateRepositoryRequest,
): void {
  if (ifVersion === undefined || ifVersion === repositoryVersion(repository)) return;
  throw new GitStratumError("conflict", "Find the repository changed by somebody else", {
    data: { version: repositoryVersion(repository), wanted: ifVersion.slice(0, 40) },
  });
}

function checkHead(head: string): void {
  const reason = head.startsWith(BRANCHES)
    ? referenceNameProblem(head.slice(BRANCHES.length), { allowOneLevel: true })
    : `it does not begin with ${BRANCHES}`;
  if (reason === undefined) return;
  throw new GitStratumError("invalid", "Point HEAD at no branch", {
    data: { head: head.slice(0, 250), reason },
  });
}
