/**
 * What operators ask about the background work of object nodes: how far it is, to hold it up, to let it
 * go on, to compare nodes now.
 *
 * @module
 */

import {
  type Fetcher,
  type NodeId,
  parseNodeId,
  RepairClient,
  type RepairStatus,
  type RepairSwitch,
  type Topology,
  type TopologyNode,
} from "@gitstratum/core/rpc";
import { MIB } from "@gitstratum/core";

/** What is to be done, to one object node or to all. */
export type RepairCommand =
  | { readonly kind: "repairs" }
  | { readonly kind: "pause" | "resume"; readonly node: NodeId | "all" }
  | { readonly kind: "compare"; readonly node: NodeId | "all" };

/** How commands are named in messages. */
export const REPAIR_COMMANDS = "repairs, pause ID|all, resume ID|all or compare ID|all";

/** Whom to ask. */
export interface RepairCluster {
  /** The control plane. */
  readonly control: RepairSwitch & { topology(): Promise<Topology> };
  /** Carries signed requests to object nodes. */
  readonly fetcher: Fetcher;
}

/** The command that words make, if they make one of these; what is wrong with it, as text. */
export function repairCommandOf(words: readonly string[]): RepairCommand | string | undefined {
  const [kind, node] = words;
  if (kind === "repairs" && words.length === 1) return { kind };
  if ((kind !== "pause" && kind !== "resume" && kind !== "compare") || words.length !== 2) {
    return undefined;
  }
  if (node === "all") return { kind, node };
  try {
    return { kind, node: parseNodeId(node!) };
  } catch {
    // The id's own error speaks of a request; here it is the operator who reads.
    return `${JSON.stringify(node)} is no name of a node`;
  }
}

/** Whether a command is one of these. */
export function isRepairCommand(command: { readonly kind: string }): command is RepairCommand {
  return ["repairs", "pause", "resume", "compare"].includes(command.kind);
}

/**
 * Does what was asked; answers what to print.
 *
 * @throws what the control plane or the one node that was named refuses
 */
export async function operateRepairs(
  cluster: RepairCluster,
  command: RepairCommand,
): Promise<string> {
  const { nodes } = await cluster.control.topology();
  const objects = nodes.filter(({ role }) => role === "object");
  switch (command.kind) {
    case "repairs":
      return repairsText(await Promise.all(objects.map((node) => reportOf(cluster, node))));
    case "pause":
    case "resume":
      return await switchRepairs(cluster, command, objects);
    case "compare":
      return await compareNow(cluster, command.node, objects);
  }
}

async function switchRepairs(
  { control }: RepairCluster,
  command: { readonly kind: "pause" | "resume"; readonly node: NodeId | "all" },
  objects: readonly TopologyNode[],
): Promise<string> {
  const ids = command.node === "all" ? objects.map(({ id }) => id) : [command.node];
  const paused = command.kind === "pause";
  for (const id of ids) await control.setRepairPaused(id, paused);
  const what = paused ? "held up until resume" : "going on";
  return ids.map((id) => `Repairs of ${id} are ${what}`).join("\n");
}

async function compareNow(
  cluster: RepairCluster,
  wanted: NodeId | "all",
  objects: readonly TopologyNode[],
): Promise<string> {
  const asked = objects.filter(({ id }) => wanted === "all" || id === wanted);
  if (asked.length === 0) return `There is no object node ${wanted}`;
  const lines = await Promise.all(asked.map(async (node) => {
    if (node.repairPaused) return `${node.id} is held up: resume it first`;
    try {
      await clientOf(cluster, node).compare();
      return `${node.id} compares itself with its peers`;
    } catch (error) {
      if (wanted !== "all") throw error;
      // One that is away compares itself when it is back.
      return `${node.id} does not answer`;
    }
  }));
  return lines.join("\n");
}

/** A node, and what it is at; nothing when it does not answer. */
export interface RepairReport {
  /** The node. */
  readonly id: NodeId;
  /** What it told. */
  readonly status?: RepairStatus;
}

async function reportOf(cluster: RepairCluster, node: TopologyNode): Promise<RepairReport> {
  try {
    return { id: node.id, status: await clientOf(cluster, node).status() };
  } catch {
    // That it tells nothing is what the table says of it.
    return { id: node.id };
  }
}

function clientOf({ fetcher }: RepairCluster, { address }: TopologyNode): RepairClient {
  return new RepairClient(fetcher, { baseUrl: address });
}

/** What nodes are at, as a table. */
export function repairsText(reports: readonly RepairReport[]): string {
  const header = ["node", "ring", "state", "peers", "copied", "failed", "hints"];
  const rows = reports.map((
    { id, status },
  ) => [id, ...status === undefined ? ["", "away"] : cellsOf(status)]);
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0))
  );
  return [header, ...rows]
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
    .join("\n");
}

function cellsOf(status: RepairStatus): string[] {
  const { ringVersion, wantedRingVersion, comparison, hintCount } = status;
  const ring = ringVersion === wantedRingVersion
    ? `${ringVersion}`
    : `${ringVersion} of ${wantedRingVersion}`;
  if (comparison === undefined) return [ring, stateOf(status), "", "", "", `${hintCount}`];
  const { peersDoneCount, peerCount, absent, copiedCount, copiedBytes, failedCount } = comparison;
  const away = absent.length === 0 ? "" : ` (${absent.join(" ")} away)`;
  return [
    ring,
    stateOf(status),
    `${peersDoneCount} of ${peerCount}${away}`,
    `${copiedCount}, ${Math.ceil(copiedBytes / MIB)} MiB`,
    `${failedCount}`,
    `${hintCount}`,
  ];
}

function stateOf({ paused, waiting, comparing, handingOver }: RepairStatus): string {
  if (paused) return "held up";
  const what = handingOver ? "handing over" : "comparing";
  if (comparing) return waiting ? `${what}, waits for callers` : what;
  return handingOver ? "hand-over to be done" : "idle";
}
