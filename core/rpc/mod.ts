/**
 * The contracts between clusters: who may ask whom for what, in which shape.
 *
 * @module
 */

export * from "./audit/mod.ts";
export * from "./body.ts";
export * from "./circuit_breaker.ts";
export * from "./consensus_node_lease.ts";
export * from "./control_failover.ts";
export * from "./control_stream.ts";
export * from "./error_response.ts";
export * from "./extent_client.ts";
export * from "./extent_store.ts";
export * from "./extent_wire.ts";
export * from "./fetcher.ts";
export * from "./ids.ts";
export * from "./json_client.ts";
export * from "./json_lines.ts";
export * from "./manual_topology.ts";
export * from "./memory_extent_store.ts";
export * from "./metadata.ts";
export * from "./metadata_client.ts";
export * from "./metadata_wire.ts";
export * from "./node_agent.ts";
export * from "./node_auth.ts";
export * from "./node_lease.ts";
export * from "./object_rings.ts";
export * from "./object_router.ts";
export * from "./offered_download.ts";
export * from "./pack_group.ts";
export * from "./partition_router.ts";
export * from "./primaries.ts";
export * from "./provenance.ts";
export * from "./rate_lease_failover.ts";
export * from "./rate_leases.ts";
export * from "./reference_stream.ts";
export * from "./repository.ts";
export * from "./repository_life.ts";
export * from "./repository_name.ts";
export * from "./repository_settings.ts";
export * from "./routed_extent_store.ts";
export * from "./routed_metadata.ts";
export * from "./store_lease.ts";
export * from "./topology.ts";
export * from "./topology_change.ts";
export * from "./topology_client.ts";
export * from "./topology_file.ts";
export * from "./topology_holder.ts";
export * from "./topology_peers.ts";
export * from "./topology_source.ts";
export * from "./topology_watcher.ts";
export * from "./webhooks/mod.ts";
