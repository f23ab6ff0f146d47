/**
 * The client of the control plane.
 *
 * @module
 */

import { z } from "zod";
import { askBasis, type ChangeBasis } from "../control_basis.ts";
import type { Fetcher } from "../fetcher.ts";
import { JsonClient } from "../json_client.ts";
import {
  type Control,
  type HeartbeatRequest,
  type HeartbeatResult,
  heartbeatResultSchema,
  type NodeId,
  type NodeRegistration,
  nodeRegistrationSchema,
  type RegisterNodeRequest,
  type RepairSwitch,
  type Topology,
  topologySchema,
} from "./topology.ts";

/** Where a control node tells the basis of an operator's command. */
export const NODES_BASIS_PATH = "/control/v1/nodes/basis";

/** {@link Control} over a {@link Fetcher}. */
export class TopologyClient implements Control, RepairSwitch {
  readonly #client: JsonClient;

  /** Makes a client; `baseUrl` has no slash at its end. */
  constructor(fetcher: Fetcher, options: { readonly baseUrl?: string } = {}) {
    this.#client = new JsonClient(fetcher, options);
  }

  /** The newest topology. */
  topology(): Promise<Topology> {
    return this.#client.call("/control/v1/topology", { method: "GET", schema: topologySchema });
  }

  /** Makes a node known; see {@link Control.register}. */
  register(request: RegisterNodeRequest): Promise<NodeRegistration> {
    return this.#client.call("/control/v1/nodes", {
      body: request,
      schema: nodeRegistrationSchema,
    });
  }

  /** Keeps a node alive; see {@link Control.heartbeat}. */
  heartbeat(id: NodeId, request: HeartbeatRequest): Promise<HeartbeatResult> {
    return this.#client.call(`/control/v1/nodes/${id}/heartbeat`, {
      body: request,
      schema: heartbeatResultSchema,
    });
  }

  /** The basis of a command that is given now, wherever. @throws `unavailable` */
  basis(): Promise<ChangeBasis> {
    return askBasis(this.#client, NODES_BASIS_PATH);
  }

  /** Begins or ends draining; see {@link Control.setDraining}. */
  async setDraining(id: NodeId, draining: boolean, since: ChangeBasis = {}): Promise<void> {
    await this.#client.call(`/control/v1/nodes/${id}/draining`, {
      method: "PUT",
      body: { draining, ...since },
      schema: z.object({}),
    });
  }

  /** Holds repairs up or lets them go on; see {@link RepairSwitch.setRepairPaused}. */
  async setRepairPaused(id: NodeId, paused: boolean, since: ChangeBasis = {}): Promise<void> {
    await this.#client.call(`/control/v1/nodes/${id}/repair`, {
      method: "PUT",
      body: { paused, ...since },
      schema: z.object({}),
    });
  }

  /** Tells that an incarnation stops; see {@link Control.leave}. */
  async leave(id: NodeId, incarnation: number): Promise<void> {
    await this.#client.call(`/control/v1/nodes/${id}/leave`, {
      body: { incarnation },
      schema: z.object({}),
    });
  }

  /** Forgets a node for good; see {@link Control.forget}. */
  async forget(id: NodeId, { basis }: ChangeBasis = {}): Promise<void> {
    const query = basis === undefined ? "" : `?basis=${basis}`;
    const path = `/control/v1/nodes/${id}${query}`;
    await this.#client.call(path, { method: "DELETE", schema: z.object({}) });
  }
}
