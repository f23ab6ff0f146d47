/**
 * The audit trail over a {@link Fetcher}: of one service, of all primaries, of several sources.
 *
 * @module
 */

import { AUDIT_PAGE_BYTES_MAX } from "../../limits.ts";
import type { Fetcher } from "../fetcher.ts";
import { type ClientOptions, JsonClient } from "../json_client.ts";
import { PartitionRouter, type PartitionRouterOptions } from "../metadata/partition_router.ts";
import { callPrimaries } from "../metadata/primaries.ts";
import {
  type AuditEvent,
  auditPageSchema,
  type AuditQuery,
  type AuditTrail,
  mergedAuditPages,
} from "./audit_event.ts";

/** Where the metadata cluster answers. */
export const METADATA_AUDIT_PATH = "/metadata/v1/audit";
/** Where the control plane answers. */
export const CONTROL_AUDIT_PATH = "/control/v1/audit";

/** Asks one service. */
export class AuditClient implements AuditTrail {
  readonly #client: JsonClient;
  readonly #path: string;

  /** Asks the service behind `fetcher` at `path`. */
  constructor(
    fetcher: Fetcher,
    options: ClientOptions & { readonly path: string },
  ) {
    this.#client = new JsonClient(fetcher, options);
    this.#path = options.path;
  }

  /** {@inheritDoc AuditTrail.query} */
  query(query: AuditQuery): Promise<readonly AuditEvent[]> {
    return this.#client.call(this.#path, {
      body: query,
      schema: auditPageSchema,
      bytesMax: AUDIT_PAGE_BYTES_MAX,
    });
  }
}

/** Asks every primary of the metadata cluster for its own partitions. */
export class RoutedAuditTrail implements AuditTrail {
  readonly #router: PartitionRouter;

  /** Makes a trail over the cluster that a topology describes; nothing is sent yet. */
  constructor(options: PartitionRouterOptions) {
    this.#router = new PartitionRouter(options);
  }

  /** {@inheritDoc AuditTrail.query} */
  async query(query: AuditQuery): Promise<readonly AuditEvent[]> {
    const pages = await callPrimaries(this.#router, query.partitions, (target, partitions) => {
      const { fetcher, baseUrl, signal } = target;
      const client = new AuditClient(fetcher, { path: METADATA_AUDIT_PATH, baseUrl, signal });
      return client.query({ ...query, partitions });
    });
    return mergedAuditPages(pages, query.limit);
  }
}

/** Several trails as one. */
export class MergedAuditTrail implements AuditTrail {
  readonly #trails: readonly AuditTrail[];

  /** Merges trails whose sources differ. */
  constructor(trails: readonly AuditTrail[]) {
    this.#trails = trails;
  }

  /** {@inheritDoc AuditTrail.query} */
  async query(query: AuditQuery): Promise<readonly AuditEvent[]> {
    const pages = await Promise.all(this.#trails.map((trail) => trail.query(query)));
    return mergedAuditPages(pages, query.limit);
  }
}
