/**
 * The side that clients see: smart HTTP and SSH for git, the management API, pages. Owns no data.
 *
 * @module
 */

export * from "./all_in_one.ts";
export * from "./frontend.ts";
export * from "./frontend_server.ts";
