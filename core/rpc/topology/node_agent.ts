/**
 * What every node does to belong to the cluster: register, then send heartbeats.
 *
 * Failing calls are repeated: a node serves on with the topology it has while the control plane is
 * away. Only being superseded (another process registered the same id) or being refused (the cluster
 * has gone on to a later release) ends an agent, because then this process must not act for that id any
 * more.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { hasCode, toError } from "../../error.ts";
import type { Logger } from "../../logger.ts";
import {
  checkReleaseLevel,
  FIRST_RELEASE_LEVEL,
  isReleaseRefused,
  OWN_LEVELS,
  type SpokenLevels,
} from "./release_level.ts";
import type { Control, NodeRegistration, NodeState, RegisterNodeRequest } from "./topology.ts";

/** How long to wait before a failed registration is tried again. */
const RETRY_MS = 1000;

/** The world of an agent. */
export interface NodeAgentOptions {
  /** Where to register. */
  readonly control: Control;
  /** What to register. */
  readonly node: Omit<RegisterNodeRequest, "ready" | keyof SpokenLevels>;
  /** What the node speaks; all that this release does, unless told. */
  readonly levels?: SpokenLevels;
  /** Counts the time between heartbeats. */
  readonly clock: Clock;
  /** Told of missed heartbeats. */
  readonly logger: Logger;
  /** Whether the node can take duties now; always, unless told. */
  readonly isReady?: () => boolean;
  /** Of an object node: see {@link HeartbeatRequest.ringVersion}. */
  readonly ringVersion?: () => number | undefined;
  /** Of a metadata node: see {@link HeartbeatRequest.caughtUp}. */
  readonly caughtUp?: () => string | undefined;
  /** Called when a heartbeat shows another topology version than the one before. */
  readonly onTopologyVersion?: (version: number) => void;
}

/** Why heartbeats ended. */
export type AgentEnd = "superseded" | "refused" | "stopped";

/** Speaks for one node to the control plane. */
export class NodeAgent {
  readonly #options: NodeAgentOptions;
  readonly #stop = new AbortController();
  #registration: NodeRegistration | undefined;
  #running: Promise<AgentEnd> | undefined;
  #state: NodeState = "joining";
  #version = 0;

  /** Makes an agent that has said nothing yet. */
  constructor(options: NodeAgentOptions) {
    this.#options = options;
  }

  /** The node's state by its last heartbeat. */
  get state(): NodeState {
    return this.#state;
  }

  /** The node's incarnation; undefined before it registered. */
  get incarnation(): number | undefined {
    return this.#registration?.incarnation;
  }

  /**
   * Registers, once; heartbeats follow until {@link NodeAgent.stop}.
   *
   * @throws `already-exists` when the id belongs to another role, `unavailable` as the call does
   * @throws `denied` when this release can not be part of the cluster
   */
  async start(): Promise<void> {
    await this.#register();
    this.#running = this.#run();
  }

  /** Resolves when heartbeats ended, with the reason. The agent has to be started. */
  ended(): Promise<AgentEnd> {
    return this.#running ?? Promise.resolve("stopped");
  }

  /** The cluster that the node belongs to; undefined before it registered. */
  get cluster(): string | undefined {
    return this.#registration?.cluster;
  }

  /**
   * Ends the heartbeats and says so, which hands the node's duties to others at once. To be called when
   * the node begins to drain: what it serves meanwhile, it may go on serving.
   */
  async leave(): Promise<void> {
    await this.stop();
    const { control, node, logger } = this.#options;
    if (this.#registration === undefined || this.#state === "down") return;
    try {
      await control.leave(node.id, this.#registration.incarnation);
    } catch (error) {
      const cause = toError(error);
      logger.warn("Leave without a word, the silence will tell", { node: node.id, error: cause });
    }
  }

  /** Ends the heartbeats. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<AgentEnd> {
    while (await this.#pause()) {
      try {
        await this.#beat();
      } catch (error) {
        if (hasCode(error, "conflict")) {
          this.#options.logger.error("Stop acting for a node id that another process took", {
            node: this.#options.node.id,
            error,
          });
          return "superseded";
        }
        if (isReleaseRefused(error)) {
          this.#options.logger.error("Stop acting for a node that its cluster refuses", {
            node: this.#options.node.id,
            error,
          });
          return "refused";
        }
        const cause = toError(error);
        this.#options.logger.warn("Miss a heartbeat", {
          node: this.#options.node.id,
          error: cause,
        });
      }
    }
    return "stopped";
  }

  /** Sleeps until the next heartbeat is due; false when the agent was stopped meanwhile. */
  async #pause(): Promise<boolean> {
    const ms = this.#registration?.heartbeatIntervalMs ?? RETRY_MS;
    try {
      await this.#options.clock.sleep(ms, this.#stop.signal);
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
    return !this.#stop.signal.aborted;
  }

  async #beat(): Promise<void> {
    const { control, node } = this.#options;
    if (this.#registration === undefined) return await this.#register();
    const { incarnation } = this.#registration;
    const ringVersion = this.#options.ringVersion?.();
    const caughtUp = this.#options.caughtUp?.();
    const result = await control.heartbeat(node.id, {
      incarnation,
      ready: this.#isReady(),
      level: this.#levels.level,
      ...(ringVersion === undefined ? {} : { ringVersion }),
      ...(caughtUp === undefined ? {} : { caughtUp }),
    });
    this.#state = result.state;
    // Given up meanwhile: its duties went elsewhere, so it begins anew.
    if (result.state === "down") this.#registration = undefined;
    if (result.topologyVersion === this.#version) return;
    this.#version = result.topologyVersion;
    this.#options.onTopologyVersion?.(result.topologyVersion);
  }

  async #register(): Promise<void> {
    const { control, node } = this.#options;
    const levels = this.#levels;
    const found = await control.register({ ...node, ...levels, ready: this.#isReady() });
    // A control node of an earlier release lets everybody in.
    checkReleaseLevel(found.level ?? FIRST_RELEASE_LEVEL, levels);
    this.#registration = found;
  }

  get #levels(): SpokenLevels {
    return this.#options.levels ?? OWN_LEVELS;
  }

  #isReady(): boolean {
    return this.#options.isReady?.() ?? true;
  }
}
