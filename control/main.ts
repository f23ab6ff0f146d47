/**
 * The command line of a control node.
 *
 * @module
 */

import { type Consensus, EtcdConsensus, SqliteConsensus } from "@gitstratum/core/consensus";
import {
  type NodeGround,
  openDataDirectory,
  type OpenedNode,
  runNode,
  systemProcessWorld,
} from "@gitstratum/core/process";
import { spokenLevels, TopologyClient } from "@gitstratum/core/rpc";
import { type ControlConfig, controlHelpText, readControlConfig } from "./control_config.ts";
import { openControlNode } from "./control_node.ts";
import { DEFAULT_CONTROL_POLICY } from "./policy.ts";

async function openStore(config: ControlConfig, ground: NodeGround): Promise<Consensus> {
  const { clock, random, fetchers, logger, releases } = ground;
  if (config.etcd !== undefined) {
    return new EtcdConsensus({
      endpoints: config.etcd,
      fetcher: fetchers.plain,
      clock,
      onTrouble: (error) => logger.warn("Open a watch of etcd anew", { reason: String(error) }),
    });
  }
  const directory = await openDataDirectory(config.data!);
  releases.add(() => directory.release());
  return new SqliteConsensus(`${directory.path}/consensus.sqlite`, { clock, random });
}

async function open(config: ControlConfig, ground: NodeGround): Promise<OpenedNode> {
  const { id, clock, random, logger, releases } = ground;
  const consensus = await openStore(config, ground);
  releases.add(() => consensus.close());
  const isAlone = config.etcd === undefined;
  const newMemberPatienceMs = 1000 * config.newNodePatience;
  const policy = { ...DEFAULT_CONTROL_POLICY, newMemberPatienceMs };
  const node = await openControlNode({
    consensus,
    clock,
    random,
    logger,
    name: id,
    isAlone,
    policy,
    levels: spokenLevels(config.releaseLevel),
  });
  releases.add(() => node.close());
  const { service } = node;
  return {
    service,
    control: new TopologyClient((request) => service.fetch(request)),
    facts: () => ({
      topologyVersion: node.newestTopology().version,
      elected: node.isElected(),
    }),
    trouble: () => node.isInTouch() ? undefined : "cut off from etcd",
    handedOver: () => node.drain(),
  };
}

if (import.meta.main) {
  Deno.exit(
    await runNode(systemProcessWorld(), {
      role: "control",
      read: readControlConfig,
      help: controlHelpText,
      open,
    }),
  );
}
