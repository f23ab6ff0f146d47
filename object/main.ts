/**
 * The command line of an object node.
 *
 * @module
 */

import { type LogData, MIB, REHEARSED_ROUND_COUNT_MAX } from "@gitstratum/core";
import { FileDisk } from "@gitstratum/core/disk";
import {
  type NodeGround,
  openClusterLink,
  type OpenedNode,
  rehearse,
  runNode,
  systemProcessWorld,
} from "@gitstratum/core/process";
import { type ObjectConfig, objectHelpText, readObjectConfig } from "./object_config.ts";
import { addObjectMetrics, objectFacts } from "./object_metrics.ts";
import { openObjectNode } from "./object_node.ts";
import { openWritePractice } from "./practice/write_practice.ts";

async function open(config: ObjectConfig, ground: NodeGround): Promise<OpenedNode> {
  const { id, clock, random, logger, fetchers, onFatal, releases } = ground;
  await rehearse((releases) => openWritePractice({ clock, random, releases }), {
    ...ground,
    budgetMs: config.warmStartMs,
    roundCountMax: REHEARSED_ROUND_COUNT_MAX,
  });
  const link = openClusterLink(ground, {
    controlUrls: config.control!,
    disk: new FileDisk(`${config.data}/cluster`),
  });
  const node = await openObjectNode({
    disk: new FileDisk(`${config.data}/extents`),
    clock,
    random,
    ring: {
      self: id,
      topology: link.topology,
      fetcherFor: () => fetchers.signed,
      pace: { bytesPerSecond: config.repairMibPerSecond * MIB },
    },
    onFailure: onFatal,
    onTrouble: ({ what, data }) => {
      // What upkeep and other copies make good needs no person.
      const log = what === "damage" || what === "bug" ? "error" : "warn";
      logger[log]("Meet trouble", { what, ...data as LogData });
    },
  });
  releases.add(() => node.close());
  const ringVersion = () => node.ring?.upkeep.status.ringVersion;
  addObjectMetrics(ground.metrics, node);
  const facts = () => ({ ...link.membership.facts(), ...objectFacts(node) });
  const { topology, membership } = link;
  return { service: node.service, topology, ringVersion, ...membership, facts };
}

if (import.meta.main) {
  Deno.exit(
    await runNode(systemProcessWorld(), {
      role: "object",
      read: readObjectConfig,
      help: objectHelpText,
      open,
    }),
  );
}
