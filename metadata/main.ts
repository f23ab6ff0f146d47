/**
 * The command line of a metadata node.
 *
 * @module
 */

import { daysMs, REHEARSED_ROUND_COUNT_MAX } from "@gitstratum/core";
import { ConsensusLog, EtcdConsensus } from "@gitstratum/core/consensus";
import { NetworkEgress } from "@gitstratum/core/egress";
import { FileDisk } from "@gitstratum/core/disk";
import {
  type NodeGround,
  openClusterLink,
  openDataDirectory,
  type OpenedNode,
  rehearse,
  runNode,
  systemProcessWorld,
} from "@gitstratum/core/process";
import { ConsensusNodeLease, RoutedExtentStore } from "@gitstratum/core/rpc";
import { AbleNodeControl } from "./partition/able_node_control.ts";
import { departed } from "./partition/departure.ts";
import { type MetadataConfig, metadataHelpText, readMetadataConfig } from "./metadata_config.ts";
import { openMetadataNode } from "./open_metadata_node.ts";
import { openPushPractice } from "./practice/push_practice.ts";

async function open(config: MetadataConfig, ground: NodeGround): Promise<OpenedNode> {
  const { id, clock, random, logger, metrics, fetchers, releases } = ground;
  const directory = await openDataDirectory(config.data);
  releases.add(() => directory.release());
  const practice = { directory: `${directory.path}/practice`, clock, random };
  await rehearse((releases) => openPushPractice({ ...practice, releases }), {
    ...ground,
    budgetMs: config.warmStartMs,
    roundCountMax: REHEARSED_ROUND_COUNT_MAX,
  });
  const disk = new FileDisk(`${directory.path}/cluster`);
  const { topology, membership } = openClusterLink(ground, {
    controlUrls: config.control!,
    disk,
  });
  const consensus = new EtcdConsensus({
    endpoints: config.etcd!,
    fetcher: fetchers.plain,
    clock,
    onTrouble: (error) => logger.warn("Open a watch of etcd anew", { reason: String(error) }),
  });
  releases.add(() => consensus.close());
  const lease = await ConsensusNodeLease.open({ consensus, nodeId: id, clock, logger });
  releases.add(() => lease.close());
  const fetcherFor = () => fetchers.signed;
  const node = await openMetadataNode({
    dataDirectory: directory.path,
    log: new ConsensusLog(consensus),
    extents: new RoutedExtentStore({ topology, fetcherFor, clock, random }),
    clock,
    random,
    logger,
    cluster: { nodeId: id, topology, lease, fetcherFor },
    audit: { keepMs: daysMs(config.auditDays) },
    webhooks: {
      consensus,
      egress: new NetworkEgress({ allowed: config.egressAllow ?? [] }),
      metrics,
    },
  });
  releases.add(() => node.close());
  const facts = () => ({
    ...membership.facts(),
    partitionsOpen: node.ready,
    hasLease: lease.mayServe(),
    canWrite: node.canWrite,
  });
  const handedOver = () => departed({ nodeId: id, topology, clock });
  const control = new AbleNodeControl(membership.control, {
    isAble: () => lease.mayServe(),
    diskFull: () => node.diskFull,
    logger,
  });
  const caughtUp = () => node.caughtUp();
  const trouble = () => lease.mayServe() ? undefined : "cut off from etcd";
  return {
    service: node.service,
    topology,
    ...membership,
    control,
    facts,
    trouble,
    caughtUp,
    handedOver,
  };
}

if (import.meta.main) {
  Deno.exit(
    await runNode(systemProcessWorld(), {
      role: "metadata",
      read: readMetadataConfig,
      help: metadataHelpText,
      open,
    }),
  );
}
