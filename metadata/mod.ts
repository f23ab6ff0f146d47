/**
 * The metadata cluster: repositories, references, reachability, recipes, pushes. A node serves
 * partitions, whose logs are the truth and whose state is materialised in SQLite.
 *
 * @module
 */

export * from "./partition/able_node_control.ts";
export * from "./metadata_config.ts";
export type {
  CataloguedGroup,
  CatalogueVersion,
  PackCatalogue,
  RepositoryRefsView,
} from "./state/pack_catalogue.ts";
export {
  type MetadataNodeOptions,
  type OpenMetadataNode,
  openMetadataNode,
} from "./open_metadata_node.ts";
export { DirectoryDisk, type TableDisk } from "./state/table_disk.ts";
