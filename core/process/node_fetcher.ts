/**
 * How a node calls others: over the network, signed with the cluster's secret.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Random } from "../random.ts";
import type { Fetcher } from "../rpc/fetcher.ts";
import { signingFetcher } from "../rpc/node_auth.ts";
import type { NodeId } from "../rpc/topology/topology.ts";
import { networkFetcher } from "./network_fetcher.ts";
import type { NodeFiles } from "./node_config.ts";

/** Who calls. */
export interface NodeFetcherOptions {
  /** Secrets and certificates. */
  readonly files: NodeFiles;
  /** The caller. */
  readonly nodeId: NodeId;
  /** Dates tokens. */
  readonly clock: Clock;
  /** Makes tokens differ. */
  readonly random: Random;
}

/** Two ways to call; `close` ends the connections that are kept for them. */
export interface NodeFetchers {
  /** For nodes of the cluster: signed. */
  readonly signed: Fetcher;
  /** For etcd: with the node's certificate, where it has one. */
  readonly plain: Fetcher;
  /** Ends kept connections. */
  close(): void;
}

/** Connections that are kept to one node: above the calls that a busy frontend makes at a time. */
const IDLE_CONNECTION_COUNT_MAX = 64;

/** Makes the fetchers of a node. */
export function openNodeFetchers(options: NodeFetcherOptions): NodeFetchers {
  const { files, nodeId, clock, random } = options;
  const client = Deno.createHttpClient({
    caCerts: [...files.caCerts],
    poolMaxIdlePerHost: IDLE_CONNECTION_COUNT_MAX,
    ...files.tls,
  });
  const plain = networkFetcher(client);
  const [secret] = files.secrets;
  const signed = secret === undefined
    ? plain
    : signingFetcher(plain, { secret, clock, random, nodeId });
  return { signed, plain, close: () => client.close() };
}
