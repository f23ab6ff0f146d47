/**
 * Lets the control plane hear of a metadata node only as long as the node can do its duty.
 *
 * A node that is cut off from the consensus store can neither answer nor append, yet it reaches the
 * control plane, which would wait for it for ever. So its signs of life end: it says that it leaves, and
 * registers again once it is able to serve. One whose disk is full can not apply what is appended, but
 * serve what it has: it goes on to be heard, and tells that others should have its partitions.
 *
 * @module
 */

import { GitStratumError, type Logger, toError } from "@gitstratum/core";
import type {
  ChangeBasis,
  Control,
  HeartbeatRequest,
  HeartbeatResult,
  NodeId,
  NodeRegistration,
  RegisterNodeRequest,
  Topology,
} from "@gitstratum/core/rpc";

/** {@link Control} in the eyes of a node that may be unable to serve. */
export class AbleNodeControl implements Control {
  readonly #control: Control;
  readonly #isAble: () => boolean;
  readonly #diskFull: () => HeartbeatRequest["diskFull"];
  readonly #logger: Logger;

  /** Passes on to `control` what an able node says. */
  constructor(
    control: Control,
    options: {
      /** Whether the node can answer anything at all. */
      readonly isAble: () => boolean;
      /** See {@link HeartbeatRequest.diskFull}. */
      readonly diskFull: () => HeartbeatRequest["diskFull"];
      readonly logger: Logger;
    },
  ) {
    this.#control = control;
    this.#isAble = options.isAble;
    this.#diskFull = options.diskFull;
    this.#logger = options.logger;
  }

  /** The newest topology. */
  topology(): Promise<Topology> {
    return this.#control.topology();
  }

  /** Makes the node known. @throws `unavailable` when it is not able */
  async register(request: RegisterNodeRequest): Promise<NodeRegistration> {
    if (!this.#isAble()) throw unable(request.id);
    return await this.#control.register(request);
  }

  /** Keeps the node alive. @throws `unavailable` when it is not able, once others know that it leaves */
  async heartbeat(id: NodeId, request: HeartbeatRequest): Promise<HeartbeatResult> {
    if (this.#isAble()) {
      const diskFull = this.#diskFull();
      const told = diskFull === undefined ? request : { ...request, diskFull };
      return await this.#control.heartbeat(id, told);
    }
    try {
      await this.#control.leave(id, request.incarnation);
    } catch (error) {
      this.#logger.debug("Fall silent without a word", {
        error: toError(error),
      });
    }
    throw unable(id);
  }

  /** See {@link Control.setDraining}. */
  setDraining(id: NodeId, draining: boolean, since?: ChangeBasis): Promise<void> {
    return this.#control.setDraining(id, draining, since);
  }

  /** See {@link Control.leave}. */
  leave(id: NodeId, incarnation: number): Promise<void> {
    return this.#control.leave(id, incarnation);
  }

  /** See {@link Control.forget}. */
  forget(id: NodeId, since?: ChangeBasis): Promise<void> {
    return this.#control.forget(id, since);
  }
}

function unable(id: NodeId): GitStratumError {
  return new GitStratumError("unavailable", "Keep silent while unable to serve partitions", {
    data: { node: id },
  });
}
