/**
 * Compares what two nodes hold of the extents that they share, for people who want to know.
 *
 * Nothing is repaired: upkeep does that. While callers write, a difference may be a write on its way.
 *
 * @module
 */

import { type Clock, hasCode } from "@gitstratum/core";
import { checksumText, type ExtentId, type NodeId } from "@gitstratum/core/rpc";
import { Pace } from "../pace.ts";
import { listAll } from "./anti_entropy.ts";
import type { NodeCaller } from "./node_caller.ts";
import { placeExtent, type RingView } from "./placement.ts";
import type { ReplicaRecord } from "./replica_record.ts";

/** What to compare. */
export interface NodeComparisonOptions {
  /** Reaches the nodes. */
  readonly caller: NodeCaller;
  /** Says what they share. */
  readonly view: RingView;
  /** The two nodes. */
  readonly nodes: readonly [NodeId, NodeId];
  /** Whether to read every byte of both, too. */
  readonly content: boolean;
  /** Bytes read in a second at most; from both nodes together. */
  readonly bytesPerSecond?: number;
  /** Paces reads. */
  readonly clock: Clock;
  /** Ends the comparison early. */
  readonly signal: AbortSignal;
}

/** How two copies differ. */
export type DifferenceKind = "missing" | "version" | "length" | "damaged" | "content";

/** Two copies that differ. */
export interface NodeDifference {
  /** The extent. */
  readonly id: ExtentId;
  /** How. */
  readonly kind: DifferenceKind;
  /** What each node knows, in the order of the nodes. */
  readonly found: readonly [string, string];
}

/** What a comparison found. */
export interface NodeComparison {
  /** Extents, removed ones included, that both nodes own and at least one knows. */
  readonly sharedCount: number;
  /** Bytes that were read and compared. */
  readonly comparedBytes: number;
  /** The first differences, in order of id. */
  readonly differences: readonly NodeDifference[];
  /** How many there are. */
  readonly differenceCount: number;
}

/** A report names no more differences than this; their number is always told. */
const DIFFERENCE_COUNT_MAX = 1000;

/** Compares two nodes. @throws `unavailable` when one does not answer */
export async function compareNodes(options: NodeComparisonOptions): Promise<NodeComparison> {
  const { caller, nodes, content } = options;
  const [first, second] = await Promise.all(nodes.map((node) => recordsOf(node, options)));
  const ids = [...new Set([...first!.keys(), ...second!.keys()])].sort();
  const pace = new Pace(options);
  const differences: NodeDifference[] = [];
  let differenceCount = 0;
  let comparedBytes = 0;
  for (const id of ids) {
    const records = [first!.get(id), second!.get(id)] as const;
    let kind = differenceOf(records);
    let found = records.map(describe);
    if (kind === undefined && content && records[0]?.kind === "living") {
      const { bytes } = records[0];
      found = await Promise.all(nodes.map((node) => contentOf(caller, node, { id, bytes })));
      if (found[0] !== found[1]) kind = "content";
      comparedBytes += bytes;
      if (!await pace.spend(2 * bytes)) break;
    }
    if (kind === undefined) continue;
    differenceCount++;
    if (differences.length >= DIFFERENCE_COUNT_MAX) continue;
    differences.push({ id, kind, found: [found[0]!, found[1]!] });
  }
  return { sharedCount: ids.length, comparedBytes, differences, differenceCount };
}

/** What a node knows of the extents that both own by the current ring. */
async function recordsOf(
  node: NodeId,
  { caller, view, nodes }: NodeComparisonOptions,
): Promise<Map<ExtentId, ReplicaRecord>> {
  const shared = (await listAll(caller, node)).filter(({ id }) => {
    const owners = placeExtent(view, id).groups[0]!.nodes;
    return nodes.every((one) => owners.includes(one));
  });
  return new Map(shared.map((record) => [record.id, record]));
}

function differenceOf(
  [a, b]: readonly [ReplicaRecord | undefined, ReplicaRecord | undefined],
): DifferenceKind | undefined {
  if (a === undefined || b === undefined) return "missing";
  if (a.version !== b.version) return "version";
  if (a.kind === "removed" || b.kind === "removed") return undefined;
  if (a.bytes !== b.bytes) return "length";
  return a.damaged || b.damaged ? "damaged" : undefined;
}

function describe(record: ReplicaRecord | undefined): string {
  if (record === undefined) return "nothing";
  if (record.kind === "removed") return `removed at version ${record.version}`;
  const damage = record.damaged ? ", damaged" : "";
  return `${record.bytes} bytes at version ${record.version}${damage}`;
}

/** The checksum of a copy, read as a whole; or why it can not be read. */
async function contentOf(
  caller: NodeCaller,
  node: NodeId,
  { id, bytes }: { readonly id: ExtentId; readonly bytes: number },
): Promise<string> {
  try {
    const range = { offset: 0, length: bytes };
    return checksumText(await caller.call(node, (replica) => replica.read(id, range)));
  } catch (error) {
    if (hasCode(error, "corrupt") || hasCode(error, "not-found")) return error.code;
    throw error;
  }
}
