/**
 * The control plane as several control nodes, any of which will do.
 *
 * A call goes to the node that answered last. When that one can not answer, or not in time, the next
 * one is asked, each at most once. A registration that is repeated this way is known by its attempt;
 * everything else says the same when it is said again.
 *
 * @module
 */

import { assert } from "../../assert.ts";
import type { Clock } from "../../clock.ts";
import { GitStratumError, hasCode } from "../../error.ts";
import { CONTROL_CALL_MS_MAX } from "../../limits.ts";
import type { Random } from "../../random.ts";
import { WAIT_IS_OVER } from "../../wait_is_over.ts";
import type { ChangeBasis } from "../control_basis.ts";
import type { Fetcher } from "../fetcher.ts";
import { newRequestId } from "../ids.ts";
import type {
  Control,
  HeartbeatRequest,
  HeartbeatResult,
  NodeId,
  NodeRegistration,
  RegisterNodeRequest,
  RepairSwitch,
  Topology,
} from "./topology.ts";
import { TopologyClient } from "./topology_client.ts";

/** The world of the caller. */
export interface ControlFailoverOptions {
  /** Base URLs of control nodes, at least one, without a slash at their end. */
  readonly urls: readonly string[];
  /** Carries requests to them; signs them where nodes authenticate. */
  readonly fetcher: Fetcher;
  /** Counts how long a call takes. */
  readonly clock: Clock;
  /** Spreads callers over control nodes. */
  readonly random: Random;
}

/** How to call one of the control nodes. */
export interface ControlAddress {
  /** Carries requests; cut when the node takes too long. */
  readonly fetcher: Fetcher;
  /** Base URL without a slash at its end. */
  readonly baseUrl: string;
}

/** {@link Control} over several control nodes. */
export class ControlFailover implements Control, RepairSwitch {
  readonly #options: ControlFailoverOptions;
  #preferred: number;

  /** Prefers one of the nodes by lot. */
  constructor(options: ControlFailoverOptions) {
    assert(options.urls.length > 0, "There is a control node to ask");
    this.#options = options;
    this.#preferred = options.random.bytes(1)[0]! % options.urls.length;
  }

  /** Base URL of the node that is asked first. */
  get preferredUrl(): string {
    return this.#options.urls[this.#preferred]!;
  }

  /** Asks another node first from now on, unless somebody moved on from `url` already. */
  avoid(url: string): void {
    if (url !== this.preferredUrl) return;
    this.#preferred = (this.#preferred + 1) % this.#options.urls.length;
  }

  /** The newest topology. */
  topology(): Promise<Topology> {
    return this.#ask((control) => control.topology());
  }

  /** Makes a node known; see {@link Control.register}. */
  register(request: RegisterNodeRequest): Promise<NodeRegistration> {
    const attempt = newRequestId(this.#options.random);
    return this.#ask((control) => control.register({ ...request, attempt }));
  }

  /** Keeps a node alive; see {@link Control.heartbeat}. */
  heartbeat(id: NodeId, request: HeartbeatRequest): Promise<HeartbeatResult> {
    return this.#ask((control) => control.heartbeat(id, request));
  }

  /** Begins or ends draining; see {@link Control.setDraining}. */
  setDraining(id: NodeId, draining: boolean): Promise<void> {
    return this.#command((control, since) => control.setDraining(id, draining, since));
  }

  /** Holds repairs up or lets them go on; see {@link RepairSwitch.setRepairPaused}. */
  setRepairPaused(id: NodeId, paused: boolean): Promise<void> {
    return this.#command((control, since) => control.setRepairPaused(id, paused, since));
  }

  /** Tells that an incarnation stops; see {@link Control.leave}. */
  leave(id: NodeId, incarnation: number): Promise<void> {
    return this.#ask((control) => control.leave(id, incarnation));
  }

  /** Forgets a node for good; see {@link Control.forget}. */
  forget(id: NodeId): Promise<void> {
    return this.#command((control, since) => control.forget(id, since));
  }

  /** Gives a command of an operator, all attempts of which stand on what was there before the first. */
  async #command(
    command: (control: Control & RepairSwitch, since: ChangeBasis) => Promise<void>,
  ): Promise<void> {
    const since = await this.#ask((control) => control.basis());
    await this.#ask((control) => command(control, since));
  }

  #ask<T>(call: (control: TopologyClient) => Promise<T>): Promise<T> {
    return this.ask(({ fetcher, baseUrl }) => call(new TopologyClient(fetcher, { baseUrl })));
  }

  /**
   * Makes any call that may be repeated: at the next node, when one can not answer or not in time.
   *
   * @throws what the call throws; of `unavailable` the last one
   */
  async ask<T>(call: (address: ControlAddress) => Promise<T>): Promise<T> {
    let failure: unknown;
    for (let attempt = 0; attempt < this.#options.urls.length; attempt++) {
      const url = this.preferredUrl;
      try {
        return await this.#askOne(url, call);
      } catch (error) {
        if (!hasCode(error, "unavailable")) throw error;
        failure = error;
        this.avoid(url);
      }
    }
    throw failure;
  }

  /** One attempt, which is cut when it takes too long: a stopped process never answers. */
  async #askOne<T>(
    baseUrl: string,
    call: (address: ControlAddress) => Promise<T>,
  ): Promise<T> {
    const { clock, fetcher } = this.#options;
    const ended = new AbortController();
    const cut = new AbortController();
    const timeout = clock.sleep(CONTROL_CALL_MS_MAX, ended.signal).then(() => {
      const late = new GitStratumError("unavailable", "Wait no longer for a control node", {
        data: { url: baseUrl, timeoutMs: CONTROL_CALL_MS_MAX },
      });
      cut.abort(late);
      throw late;
    }, () => new Promise<never>(() => {}));
    const cuttable: Fetcher = (request) => fetcher(new Request(request, { signal: cut.signal }));
    try {
      return await Promise.race([call({ fetcher: cuttable, baseUrl }), timeout]);
    } finally {
      ended.abort(WAIT_IS_OVER);
    }
  }
}
