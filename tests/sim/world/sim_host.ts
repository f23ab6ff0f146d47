/**
 * A machine: its clocks, and the process that answers at its address now.
 *
 * @module
 */

import type { Service } from "@gitstratum/core/rpc";
import type { MachineClock, SimProcess } from "./sim_process.ts";

/** A process with what it answers. */
export interface Listener {
  readonly process: SimProcess;
  readonly service: Service;
}

/** A machine of the simulated world. */
export interface SimHost {
  /** Its name, which is its address: `http://NAME`. */
  readonly name: string;
  /** Its clocks. */
  readonly clock: MachineClock;
  /** Who answers at its address; undefined: connections are refused. */
  listener: Listener | undefined;
}
