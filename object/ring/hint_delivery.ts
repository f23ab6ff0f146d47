/**
 * Brings the writes that a node keeps for others to where they belong.
 *
 * A hint is dropped once its target has merged it or knows more. When the target has left the ring
 * the owners of today get it instead. What cannot be delivered stays.
 *
 * @module
 */

import { EXTENT_LIST_COUNT_MAX, hasCode } from "@gitstratum/core";
import type { NodeId } from "@gitstratum/core/rpc";
import type { NodeCaller } from "./node_caller.ts";
import { placeExtent, type RingView } from "./placement.ts";
import type { HintName, ReplicaWrite } from "./replica_node.ts";

/** What a delivery needs. */
export interface HintDeliveryOptions {
  /** Calls nodes. */
  readonly caller: NodeCaller;
  /** The node that keeps the hints. */
  readonly self: NodeId;
  /** The rings that count now. */
  readonly view: RingView;
  /** Ends the work. */
  readonly signal: AbortSignal;
  /** Told of hints that are damaged or that differ from their target's copy; they are dropped. */
  readonly onTrouble?: (name: HintName, error: unknown) => void;
}

/** What became of the hints. */
export interface HintDeliveryResult {
  /** Hints whose target has them now, or knows more. */
  readonly deliveredCount: number;
  /** Hints that stay. */
  readonly keptCount: number;
}

/** Tries each kept hint once; a target that is away is asked once. */
export async function deliverHints(options: HintDeliveryOptions): Promise<HintDeliveryResult> {
  const { caller, self, signal } = options;
  const away = new Set<NodeId>();
  let deliveredCount = 0;
  let keptCount = 0;
  let after: HintName | undefined;
  while (!signal.aborted) {
    const names = await caller.call(
      self,
      (node) =>
        node.hints({ limit: EXTENT_LIST_COUNT_MAX, ...(after === undefined ? {} : { after }) }),
    );
    for (const name of names) {
      if (signal.aborted) break;
      if (await deliverHint(name, away, options)) deliveredCount++;
      else keptCount++;
    }
    after = names.at(-1);
    if (after === undefined) break;
  }
  return { deliveredCount, keptCount };
}

async function deliverHint(
  name: HintName,
  away: Set<NodeId>,
  options: HintDeliveryOptions,
): Promise<boolean> {
  const { caller, self } = options;
  const targets = targetsOf(name, options);
  // A node that knows of no ring yet can not tell who waits for what: its hint may be a needed copy.
  if (targets.length === 0) return false;
  if (targets.some((target) => away.has(target))) return false;
  let write: ReplicaWrite | undefined;
  try {
    write = await caller.call(self, (node) => node.readHint(name));
  } catch (error) {
    if (!hasCode(error, "corrupt")) throw error;
    // Of no use to anybody; comparing replicas brings the target what it lacks.
    options.onTrouble?.(name, error);
    await caller.call(self, (node) => node.dropHint(name, Number.MAX_SAFE_INTEGER as never));
    return false;
  }
  if (write === undefined) return true;
  for (const target of targets) {
    if (!await mergeHint(name, { target, write, away, options })) return false;
  }
  const { version } = write;
  await caller.call(self, (node) => node.dropHint(name, version));
  return true;
}

async function mergeHint(
  name: HintName,
  to: {
    readonly target: NodeId;
    readonly write: ReplicaWrite;
    readonly away: Set<NodeId>;
    readonly options: HintDeliveryOptions;
  },
): Promise<boolean> {
  const { target, write, away, options } = to;
  try {
    const [outcome] = await options.caller.call(target, (node) => node.merge([write]));
    if (outcome!.kind === "differs") options.onTrouble?.(name, outcome);
    return true;
  } catch (error) {
    if (!hasCode(error, "unavailable") && !hasCode(error, "disk-full")) throw error;
    away.add(target);
    return false;
  }
}

/** While the ring changes, owners of the new ring get what former ones missed as well. */
function targetsOf({ id, target }: HintName, { view }: HintDeliveryOptions): readonly NodeId[] {
  const { groups } = placeExtent(view, id);
  const owners = groups[0]!.nodes;
  return owners.includes(target) && view.previous === undefined ? [target] : owners;
}
