/**
 * How a process becomes a node of its cluster, and stops when it must not be that node any more.
 *
 * @module
 */

import { hasCode } from "../error.ts";
import { GitStratumError } from "../error.ts";
import { NodeAgent, type NodeAgentOptions } from "../rpc/topology/node_agent.ts";

/** Who joins, and who is told. */
export interface MembershipOptions extends NodeAgentOptions {
  /** Gives the registration up. */
  readonly signal: AbortSignal;
  /** Told when another process took the node's id over, or the cluster refuses it: it has to end. */
  readonly onFatal: (error: unknown) => void;
}

/** Time between two attempts to register. */
const RETRY_MS = 1000;

/**
 * Registers a node and keeps it alive; waits for as long as the control plane is away.
 *
 * @throws `already-exists` when the id belongs to another role; `denied` when its data or its release
 * do not belong to the cluster; `aborted` when the signal aborts
 */
export async function joinCluster(options: MembershipOptions): Promise<NodeAgent> {
  const { clock, logger, signal, onFatal, node } = options;
  for (;;) {
    const agent = new NodeAgent(options);
    try {
      await agent.start();
      agent.ended().then((why) => {
        if (why === "superseded") onFatal(superseded(node.id));
        if (why === "refused") onFatal(refused(node.id));
      }, onFatal);
      return agent;
    } catch (error) {
      if (!hasCode(error, "unavailable")) throw error;
      logger.warn("Wait for the control plane", { node: node.id, error });
    }
    await pause(RETRY_MS, { clock, signal });
  }
}

async function pause(
  ms: number,
  parts: Pick<MembershipOptions, "clock" | "signal">,
): Promise<void> {
  try {
    await parts.clock.sleep(ms, parts.signal);
  } catch (cause) {
    throw new GitStratumError("aborted", "Stop waiting for the control plane", { cause });
  }
}

function refused(id: string): GitStratumError {
  return new GitStratumError("denied", "Be refused by the cluster, which the log tells more of", {
    data: { node: id },
  });
}

function superseded(id: string): GitStratumError {
  return new GitStratumError("conflict", "Find another process acting for this node's id", {
    data: { node: id },
  });
}
