/**
 * An operator of the simulated cluster: drains nodes, holds up their repairs and takes that back, one
 * after the other, and does not give up before it was done.
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

/** What a node is to do, or not any more. */
interface Command {
  readonly what: "draining" | "paused";
  readonly id: NodeId;
  readonly isOn: boolean;
}

/** Speaks to the control plane. */
export class Operator {
  readonly #process: SimProcess;
  readonly #control: ControlFailover;
  /** Commands by what they are about, as they were given last. */
  readonly #wanted = new Map<string, Command>();
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
    return this.#give({ what: "draining", id, isOn: draining });
  }

  /** Resolves when a node's repairs are held up, or go on, or something else was asked meanwhile. */
  setRepairPaused(id: NodeId, paused: boolean): Promise<void> {
    return this.#give({ what: "paused", id, isOn: paused });
  }

  #give(command: Command): Promise<void> {
    this.#wanted.set(subjectOf(command), command);
    // Who does not wait for a command to end can not say which of two comes last.
    this.#last = this.#last.then(() => this.#insist(command));
    return this.#last;
  }

  async #insist(command: Command): Promise<void> {
    while (this.#wanted.get(subjectOf(command)) === command) {
      try {
        return await this.#say(command);
      } catch (error) {
        // A node that never registered has nothing to drain.
        if (hasCode(error, "not-found")) return;
      }
      await this.#process.clock.sleep(RETRY_MS);
    }
  }

  #say({ what, id, isOn }: Command): Promise<void> {
    return what === "draining"
      ? this.#control.setDraining(id, isOn)
      : this.#control.setRepairPaused(id, isOn);
  }

  /** Takes everything back. */
  async takeAllBack(): Promise<void> {
    for (const command of [...this.#wanted.values()]) await this.#give({ ...command, isOn: false });
  }
}

function subjectOf({ what, id }: Command): string {
  return `${what} ${id}`;
}
