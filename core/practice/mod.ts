/**
 * What a process practises on before it serves: a cluster of its own that holds nothing, and a history
 * that nobody wrote.
 *
 * @module
 */

export * from "./practice_cluster.ts";
export * from "./practice_history.ts";
