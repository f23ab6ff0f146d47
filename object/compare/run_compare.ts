/**
 * The command that compares two object nodes: settings in, a report and an exit code out.
 *
 * @module
 */

import { GitStratumError, MIB } from "@gitstratum/core";
import { openNodeFetchers, type ProcessWorld, readNodeFiles } from "@gitstratum/core/process";
import {
  type Fetcher,
  type NodeId,
  ObjectRingCache,
  parseNodeId,
  type Topology,
  TopologyClient,
} from "@gitstratum/core/rpc";
import { NodeCaller } from "../ring/node_caller.ts";
import { compareNodes, type NodeComparison } from "../ring/node_comparison.ts";
import { ReplicaClient } from "../ring/replica_client.ts";
import { type CompareConfig, compareHelpText, readCompareConfig } from "./compare_config.ts";

/** The nodes are alike. */
const ALIKE = 0;
/** They differ, or could not be compared. */
const DIFFERENT = 1;
/** The settings make no sense. */
const MISUSED = 2;

/** Name that the command signs its calls with. */
const SELF = parseNodeId("compare-nodes");
const CALL_TIMEOUT_MS = 30_000;

/** Runs the command; answers its exit code. */
export async function runCompare(world: ProcessWorld): Promise<number> {
  const { args, environment } = world;
  const readTextFile = (path: string) => world.readTextFile(path);
  const result = readCompareConfig({ args, environment, readTextFile });
  switch (result.kind) {
    case "help":
      world.print(compareHelpText());
      return ALIKE;
    case "invalid":
      world.printError(result.problems.join("\n"));
      return MISUSED;
    case "values":
      return await report(world, result.values);
  }
}

async function report(world: ProcessWorld, config: CompareConfig): Promise<number> {
  const { files } = readNodeFiles(config, (path) => world.readTextFile(path));
  const fetchers = openNodeFetchers({ files, nodeId: SELF, ...world });
  try {
    const topology = await readTopology(fetchers.signed, config.control!);
    const comparison = await compare(topology, { world, config, fetcher: fetchers.signed });
    world.print(describe(comparison, [config.first!, config.second!]));
    return comparison.differenceCount === 0 ? ALIKE : DIFFERENT;
  } catch (error) {
    if (!(error instanceof GitStratumError)) throw error;
    world.printError(error.describe());
    return DIFFERENT;
  } finally {
    fetchers.close();
  }
}

/** The topology of the first control node that answers. */
async function readTopology(fetcher: Fetcher, urls: readonly string[]): Promise<Topology> {
  let failure: unknown;
  for (const baseUrl of urls) {
    try {
      return await new TopologyClient(fetcher, { baseUrl }).topology();
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function compare(
  topology: Topology,
  parts: {
    readonly world: ProcessWorld;
    readonly config: CompareConfig;
    readonly fetcher: Fetcher;
  },
): Promise<NodeComparison> {
  const { clock } = parts.world;
  const { first, second, content, mibPerSecond } = parts.config;
  const view = new ObjectRingCache().of(topology);
  const replicaOf = (id: NodeId) => {
    const node = topology.nodes.find((node) => node.id === id && node.role === "object");
    if (node === undefined) {
      throw new GitStratumError("not-found", "Know no such object node", { data: { node: id } });
    }
    // It tells no ring version: nodes do not list for callers who go by a newer ring.
    return new ReplicaClient(parts.fetcher, { clock, baseUrl: node.address });
  };
  return compareNodes({
    caller: new NodeCaller(replicaOf, { clock, timeoutMs: CALL_TIMEOUT_MS }),
    view,
    nodes: [first!, second!],
    content: content ?? false,
    bytesPerSecond: mibPerSecond * MIB,
    clock,
    signal: new AbortController().signal,
  });
}

/** The report for people. */
function describe(comparison: NodeComparison, nodes: readonly [NodeId, NodeId]): string {
  const { sharedCount, comparedBytes, differences, differenceCount } = comparison;
  const lines = [`${nodes[0]} and ${nodes[1]} share ${sharedCount} extents`];
  if (comparedBytes > 0) lines.push(`${comparedBytes} bytes of each were read`);
  for (const { id, kind, found } of differences) {
    lines.push(`${id}: ${kind}: ${nodes[0]} has ${found[0]}, ${nodes[1]} has ${found[1]}`);
  }
  if (differenceCount > differences.length) {
    lines.push(`and ${differenceCount - differences.length} more`);
  }
  lines.push(differenceCount === 0 ? "No difference" : `${differenceCount} differences`);
  return lines.join("\n");
}
