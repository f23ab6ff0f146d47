/**
 * An operator of the simulated cluster: drains nodes and takes them back, one after the other, and does
 * not give up before that was done.
 *
 * @module
 */

import { hasCode, type SeededRandom } from "@gitstratum/core";
import { ControlFailover, type NodeId } from "@gitstratum/core/rpc";
import { CONTROL_IDS } from "../cluster/cluster_membership.ts";
import type { SimNetwork } from "../world/sim_network.ts";
import { SimProcess } from "../world/sim_process.ts";

const NAME = "operator";
const RETRY_MS = 1000;

/** Speaks to the control plane. */
export class Operator {
  readonly #process: SimProcess;
  readonly #control: ControlFailover;
  /** What was asked last of each node. */
  readonly #wanted = new Map<NodeId, boolean>();
  #last: Promise<void> = Promise.resolve();

  /** Makes an operator on a host of its own. */
  constructor(network: SimNetwork, random: SeededRandom) {
    const machine = { wallOffsetMs: 0, rate: 1 };
    this.#process = new SimProcess(NAME, { loop: network.loop, machine });
    network.add({ name: NAME, clock: machine, listener: undefined });
    this.#control = new ControlFailover({
      urls: CONTROL_IDS.map((id) => `http://${id}`),
      fetcher: network.fetcherOf(this.#process, NAME),
      clock: this.#process.clock,
      random,
    });
  }

  /** Resolves when a node drains, or does not any more, or something else was asked meanwhile. */
  setDraining(id: NodeId, draining: boolean): Promise<void> {
    this.#wanted.set(id, draining);
    // Who does not wait for a command to end can not say which of two comes last.
    this.#last = this.#last.then(() => this.#insist(id, draining));
    return this.#last;
  }

  async #insist(id: NodeId, draining: boolean): Promise<void> {
    while (this.#wanted.get(id) === draining) {
      try {
        return await this.#control.setDraining(id, draining);
      } catch (error) {
        // A node that never registered has nothing to drain.
        if (hasCode(error, "not-found")) return;
      }
      await this.#process.clock.sleep(RETRY_MS);
    }
  }

  /** Takes every node back; what still lingers of earlier commands may undo it. */
  async takeAllBack(): Promise<void> {
    for (const id of this.#wanted.keys()) await this.setDraining(id, false);
  }
}
