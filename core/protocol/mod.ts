/**
 * Git's wire protocol as pure functions and state machines: frames, capabilities, reference
 * listings, fetch requests and negotiation, pushes and their reports. Transports carry the bytes.
 *
 * @module
 */

export * from "./bundle_uri.ts";
export * from "./capabilities.ts";
export * from "./command_request.ts";
export * from "./fetch_request.ts";
export * from "./ls_refs.ts";
export * from "./negotiation.ts";
export * from "./object_filter_parser.ts";
export * from "./object_info.ts";
export * from "./pkt_line.ts";
export * from "./pkt_line_decoder.ts";
export * from "./pkt_line_reader.ts";
export * from "./protocol_error.ts";
export * from "./push_report.ts";
export * from "./push_request.ts";
export * from "./reference_advertisement.ts";
export * from "./reference_lines.ts";
export * from "./side_band.ts";
export * from "./upload_request.ts";

// Types of other entry points that the signatures above name.
export type { ERROR_CODES, ErrorCode, ErrorData, GitStratumError } from "../error.ts";
export type { ObjectFilter } from "../git/object_filter.ts";
export type { ObjectType } from "../git/object_type.ts";
export type { ObjectFormat, Oid } from "../git/oid.ts";
export type {
  CommandResult,
  Depth,
  HeadInfo,
  NegotiateResult,
  Reference,
  ReferenceCommand,
  ReferenceListing,
  ShallowBoundary,
} from "../rpc/metadata/metadata.ts";
export type { OfferedBundle, OfferedPack } from "../rpc/repository/offered_download.ts";
