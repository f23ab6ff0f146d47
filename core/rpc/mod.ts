/**
 * The contracts between clusters: who may ask whom for what, in which shape.
 *
 * @module
 */

export * from "./audit/mod.ts";
export * from "./body.ts";
export * from "./circuit_breaker.ts";
export * from "./control_basis.ts";
export * from "./lease/consensus_node_lease.ts";
export * from "./topology/control_failover.ts";
export * from "./topology/control_stream.ts";
export * from "./error_response.ts";
export * from "./extents/extent_client.ts";
export * from "./extents/extent_store.ts";
export * from "./extents/extent_wire.ts";
export * from "./fetcher.ts";
export * from "./ids.ts";
export * from "./json_client.ts";
export * from "./json_lines.ts";
export * from "./topology/manual_topology.ts";
export * from "./extents/memory_extent_store.ts";
export * from "./metadata/listed_repository.ts";
export * from "./metadata/metadata.ts";
export * from "./metadata/metadata_client.ts";
export * from "./metadata/metadata_wire.ts";
export * from "./topology/node_agent.ts";
export * from "./node_auth.ts";
export * from "./lease/node_lease.ts";
export * from "./extents/object_rings.ts";
export * from "./extents/object_router.ts";
export * from "./repository/offered_download.ts";
export * from "./metadata/pack_group.ts";
export * from "./metadata/partition_router.ts";
export * from "./metadata/primaries.ts";
export * from "./metadata/provenance.ts";
export * from "./metadata/push_frame.ts";
export * from "./relay/node_links.ts";
export * from "./relay/node_relay.ts";
export * from "./rates/rate_lease_failover.ts";
export * from "./rates/rate_leases.ts";
export * from "./metadata/reference_stream.ts";
export * from "./repository/repository.ts";
export * from "./repository/repository_life.ts";
export * from "./repository/repository_name.ts";
export * from "./repository/repository_settings.ts";
export * from "./repository/repository_version.ts";
export * from "./extents/repair_client.ts";
export * from "./extents/routed_extent_store.ts";
export * from "./metadata/routed_metadata.ts";
export * from "./lease/store_lease.ts";
export * from "./topology/partition_set.ts";
export * from "./topology/release_level.ts";
export * from "./topology/topology.ts";
export * from "./topology/topology_change.ts";
export * from "./topology/topology_client.ts";
export * from "./topology/topology_file.ts";
export * from "./topology/topology_holder.ts";
export * from "./topology/topology_peers.ts";
export * from "./topology/topology_source.ts";
export * from "./topology/topology_watcher.ts";
export * from "./webhooks/mod.ts";
