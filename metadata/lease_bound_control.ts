/**
 * Lets the control plane hear of a metadata node only as long as the node can do its duty.
 *
 * A node that is cut off from the consensus store can neither answer nor append, and yet reaches the
 * control plane, which would wait for it for ever. So its signs of life end with its lease: it says
 * that it leaves, and registers again once it has a lease.
 *
 * @module
 */

import { GitStratumError, type Logger } from "@gitstratum/core";
import type {
  Control,
  HeartbeatRequest,
  HeartbeatResult,
  NodeId,
  NodeLease,
  NodeRegistration,
  RegisterNodeRequest,
  Topology,
} from "@gitstratum/core/rpc";

/** {@link Control} in the eyes of a node that needs a lease. */
export class LeaseBoundControl implements Control {
  readonly #control: Control;
  readonly #lease: Pick<NodeLease, "mayServe">;
  readonly #logger: Logger;

  /** Passes on to `control` what the lease allows. */
  constructor(
    control: Control,
    options: { readonly lease: Pick<NodeLease, "mayServe">; readonly logger: Logger },
  ) {
    this.#control = control;
    this.#lease = options.lease;
    this.#logger = options.logger;
  }

  /** The newest topology. */
  topology(): Promise<Topology> {
    return this.#control.topology();
  }

  /** Makes the node known. @throws `unavailable` without a lease */
  async register(request: RegisterNodeRequest): Promise<NodeRegistration> {
    if (!this.#lease.mayServe()) throw withoutLease(request.id);
    return await this.#control.register(request);
  }

  /** Keeps the node alive. @throws `unavailable` without a lease, once others know that it leaves */
  async heartbeat(id: NodeId, request: HeartbeatRequest): Promise<HeartbeatResult> {
    if (this.#lease.mayServe()) return await this.#control.heartbeat(id, request);
    try {
      await this.#control.leave(id, request.incarnation);
    } catch (error) {
      this.#logger.debug("Fall silent without a word", {
        error: error instanceof Error ? error : new Error(String(error)),
      });
    }
    throw withoutLease(id);
  }

  /** See {@link Control.setDraining}. */
  setDraining(id: NodeId, draining: boolean): Promise<void> {
    return this.#control.setDraining(id, draining);
  }

  /** See {@link Control.leave}. */
  leave(id: NodeId, incarnation: number): Promise<void> {
    return this.#control.leave(id, incarnation);
  }

  /** See {@link Control.forget}. */
  forget(id: NodeId): Promise<void> {
    return this.#control.forget(id);
  }
}

function withoutLease(id: NodeId): GitStratumError {
  return new GitStratumError("unavailable", "Keep silent without a lease in the consensus store", {
    data: { node: id },
  });
}
