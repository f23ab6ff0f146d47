/**
 * Git's wire protocol as pure functions and state machines: frames, capabilities, reference
 * listings, fetch requests and negotiation, pushes and their reports. Transports carry the bytes.
 *
 * @module
 */

export * from "./pkt_line.ts";
export * from "./pkt_line_decoder.ts";
export * from "./pkt_line_reader.ts";
export * from "./side_band.ts";
