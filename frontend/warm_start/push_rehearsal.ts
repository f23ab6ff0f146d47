/**
 * Pushes of one commit into a repository that nobody else sees, over a socket and sent as git's client
 * sends them.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { concatBytes } from "@gitstratum/core";
import { encodePackHeader } from "@gitstratum/core/pack";
import {
  PRACTICE_CREATION,
  PRACTICE_NAME,
  type PracticeCommit,
  PracticeHistory,
} from "@gitstratum/core/practice";
import { flushPkt, pktLine } from "@gitstratum/core/protocol";
import type { Metadata } from "@gitstratum/core/rpc";
import type { PracticeRequest } from "./practice_stage.ts";

/** What a rehearsal of pushes works with. */
export interface PushRehearsalOptions {
  /** Makes the repository. */
  readonly metadata: Pick<Metadata, "createRepository">;
  /** Sends a request to the frontend that rehearses. */
  send(request: PracticeRequest, signal: AbortSignal): Promise<unknown>;
}

const SERVICE = "git-receive-pack";
const PATH = `/${PRACTICE_NAME}.git`;
const CAPABILITIES = "report-status side-band-64k object-format=sha1 agent=git/practice";

/** Makes the repository; resolves with a push into it. */
export async function openPushRehearsal(
  { metadata, send }: PushRehearsalOptions,
): Promise<(over: AbortSignal) => Promise<void>> {
  await metadata.createRepository(PRACTICE_CREATION);
  const history = new PracticeHistory();
  return async (over) => {
    for (const request of requestsOf(history.next())) await send(request, over);
  };
}

/** The requests of a push, one after the other. */
function requestsOf(commit: PracticeCommit): PracticeRequest[] {
  const headers = {
    "content-type": `application/x-${SERVICE}-request`,
    accept: `application/x-${SERVICE}-result`,
  };
  const line = `${commit.from} ${commit.oid} refs/heads/main\0 ${CAPABILITIES}`;
  const body = concatBytes([pktLine(line), flushPkt(), packOf(commit)]);
  return [
    { method: "GET", path: `${PATH}/info/refs?service=${SERVICE}`, headers: {} },
    { method: "POST", path: `${PATH}/${SERVICE}`, headers, body },
  ];
}

function packOf({ objects }: PracticeCommit): Uint8Array {
  const entries = objects.map(({ entry }) => entry);
  const pack = concatBytes([encodePackHeader(objects.length), ...entries]);
  return concatBytes([pack, createHash("sha1").update(pack).digest()]);
}
