/**
 * Pushes whose bytes are made beforehand, so that sending them costs the client nothing.
 *
 * @module
 */

import {
  ENTRY,
  entry,
  joinBytes,
  NO_OBJECT,
  objectId,
  pack,
  pktLine,
} from "../../tests/harness/raw_pack.ts";
import type { HttpAnswer, HttpRequest } from "./http_exchange.ts";
import { joinParts, requireOk } from "./http_exchange.ts";
import { packets, packetText } from "./packet_lines.ts";

/** A commit and what its root tree holds beside the file that each push changes. */
export interface PushStart {
  /** Absent: the first push creates the history. */
  readonly parent?: string;
  /** Raw root tree of the parent. */
  readonly tree?: Uint8Array;
}

/** One prepared push. */
export interface PreparedPush {
  readonly reference: string;
  /** What the reference points at afterwards. */
  readonly commit: string;
  readonly body: Uint8Array;
}

/** Sorts behind every usual name, so that it is appended to the tree. */
const FILE_NAME = "~bench.txt";

function rawOid(oid: string): Uint8Array {
  return Uint8Array.fromHex(oid);
}

/** A chain of pushes to one reference: each adds one commit with one changed file. */
export function preparePushes(
  start: PushStart,
  options: {
    readonly reference: string;
    readonly count: number;
    /** Makes the content of this chain different from that of others. */
    readonly label: string;
    /** The reference exists and points at `parent`. */
    readonly exists?: boolean;
  },
): PreparedPush[] {
  const pushes: PreparedPush[] = [];
  let from = options.exists === true ? start.parent! : NO_OBJECT;
  let parent = start.parent;
  for (let number = 0; number < options.count; number++) {
    const blob = `push ${number} of ${options.label}\n`;
    const tree = joinBytes(
      start.tree ?? "",
      `100644 ${FILE_NAME}\0`,
      rawOid(objectId("blob", blob)),
    );
    const person = `A U Thor <author@example.com> ${1_700_000_000 + number} +0000`;
    const commit = `tree ${objectId("tree", tree)}\n` +
      (parent === undefined ? "" : `parent ${parent}\n`) +
      `author ${person}\ncommitter ${person}\n\n${options.label}, push ${number}\n`;
    const oid = objectId("commit", commit);
    const packed = pack([
      entry(ENTRY.commit, commit),
      entry(ENTRY.tree, tree),
      entry(ENTRY.blob, blob),
    ]);
    const capabilities = "report-status side-band-64k object-format=sha1 agent=bench/1";
    const line = `${from} ${oid} ${options.reference}\0 ${capabilities}`;
    pushes.push({
      reference: options.reference,
      commit: oid,
      body: joinBytes(pktLine(line), "0000", packed),
    });
    from = oid;
    parent = oid;
  }
  return pushes;
}

/** Headers of every push. */
export const PUSH_HEADERS: Readonly<Record<string, string>> = {
  "Content-Type": "application/x-git-receive-pack-request",
  Accept: "application/x-git-receive-pack-result",
};

/** The request of a prepared push. */
export function pushRequest(path: string, push: PreparedPush): HttpRequest {
  return {
    method: "POST",
    path: `${path}/git-receive-pack`,
    headers: PUSH_HEADERS,
    body: push.body,
  };
}

/** Lines of the report in a receive-pack answer with side bands. */
function reportLines(body: Uint8Array): string[] {
  const bands: Uint8Array[] = [];
  for (const packet of packets(body)) {
    if (packet.kind === "data" && packet.payload[0] === 1) bands.push(packet.payload.subarray(1));
    if (packet.kind === "data" && packet.payload[0] === 3) {
      throw new Error(`The server failed: ${packetText(packet.payload.subarray(1))}`);
    }
  }
  const total = bands.reduce((sum, band) => sum + band.length, 0);
  return [...packets(joinParts(bands, total))]
    .flatMap((packet) => packet.kind === "data" ? [packetText(packet.payload)] : []);
}

/** Throws unless the pack was unpacked and as many references as said were updated. */
export function requirePushed(answer: HttpAnswer, referenceCount = 1): void {
  const lines = reportLines(requireOk(answer).body);
  const count = lines.filter((line) => line.startsWith("ok ")).length;
  if (lines[0] !== "unpack ok" || count !== referenceCount) {
    throw new Error(`The push was refused: ${lines.slice(0, 20).join("; ")}`);
  }
}
