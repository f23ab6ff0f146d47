/**
 * Taking the packs of pushes in: scan, resolve, check, store.
 *
 * @module
 */

export type { IngestResult } from "./ingest_host.ts";
export { PackIngest, type PackIngestOptions, type PackIngestRequest } from "./pack_ingest.ts";
