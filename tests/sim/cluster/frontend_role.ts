/**
 * A frontend in the simulation: the real one behind its HTTP app, without sockets. Packs are small, so
 * that all are taken in where they arrive, without worker threads.
 *
 * @module
 */

import { MemoryDisk } from "@gitstratum/core/disk";
import { RoutedExtentStore, RoutedMetadata, type Service } from "@gitstratum/core/rpc";
import { createFrontend, type Frontend, type FrontendAccounts } from "@gitstratum/frontend";
import { PackIngest } from "@gitstratum/frontend/ingest";
import { DirectExtentStore } from "@gitstratum/object/ring";
import { PushAdmission } from "../../../frontend/ingest/push_admission.ts";
import type { Mutation } from "../faults/mutation.ts";
import { join, link } from "./cluster_membership.ts";
import { openFrontendAccounts } from "./frontend_accounts.ts";
import { type FrontendBounds, openFrontendBounds } from "./frontend_bounds.ts";
import type { ServedPartitions } from "./served_partitions.ts";
import type { SimGround, SimRole } from "./sim_node.ts";

/** A frontend and what it is made of. */
export interface OpenedFrontend {
  readonly service: Service;
  readonly frontend: Frontend;
  readonly bounds: FrontendBounds;
  readonly accounts: FrontendAccounts;
}

/** Where rebuilt objects that are too large for memory would go: none is, here. */
const NOWHERE = "/nonexistent";

/** Makes the role of frontends, which keep nothing. */
export function frontendRole(
  mutation: Mutation,
  served: ServedPartitions,
): SimRole<OpenedFrontend> {
  return {
    async open(ground: SimGround, listen) {
      const { clock, logger, fetchers } = ground;
      // A frontend draws the id of a repository, which is its network's, too.
      const random = served.random(ground.random);
      const { topology, membership } = link(ground, new MemoryDisk());
      const routing = { topology, fetcherFor: () => fetchers.signed, clock, random };
      const toMetadata = mutation.metadataFetcher(fetchers.signed);
      const metadata = mutation.frontendMetadata(
        served.metadata(new RoutedMetadata({ ...routing, fetcherFor: () => toMetadata })),
        clock,
      );
      const extents = mutation.frontendExtents(
        new DirectExtentStore({ ...routing, routed: new RoutedExtentStore(routing) }),
      );
      const bounds = openFrontendBounds(ground, (options) => mutation.packCache(options));
      const memory = mutation.frontendMemory(bounds.memory);
      const accounts = openFrontendAccounts(ground, mutation);
      const ingest = new PackIngest({
        metadata,
        extents,
        random,
        disk: new MemoryDisk(),
        scratchDirectory: NOWHERE,
        admission: new PushAdmission({ permits: memory.permits, clock }),
      });
      const frontend = createFrontend({
        metadata,
        extents,
        ingest: async (request) => await ingest.ingest(request),
        clock,
        random,
        logger,
        secrets: ["simulated"],
        scratchDirectory: NOWHERE,
        readOnly: false,
        autoCreate: false,
        cache: bounds.cache,
        admission: bounds.admission,
        memory,
        accounts,
      });
      const service: Service = {
        fetch: (request) => frontend.fetch(request, { signal: request.signal }),
      };
      listen(service);
      await join(ground, { role: "frontend", membership });
      return { service, frontend, bounds, accounts };
    },
    ended() {},
  };
}
