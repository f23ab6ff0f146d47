/**
 * Follows the topology over the network, and keeps the last one while the control plane is away.
 *
 * It streams changes from one control node. When that one breaks off, falls silent or tells something
 * that does not fit, the next one is asked, with growing pauses; the first line of a stream is the
 * whole map unless it is known already, so nothing is missed in between. A call of
 * {@link TopologyWatcher.refresh} asks at once, beside the stream.
 *
 * Invariant: what {@link TopologyWatcher.current} tells never gets older.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import { GitStratumError } from "../error.ts";
import {
  TOPOLOGY_LINE_LENGTH_MAX,
  TOPOLOGY_WATCH_BEAT_MS,
  TOPOLOGY_WATCH_SILENCE_MS,
} from "../limits.ts";
import type { Logger } from "../logger.ts";
import type { Random } from "../random.ts";
import { ControlFailover, type ControlFailoverOptions } from "./control_failover.ts";
import { heldBody } from "./body.ts";
import { JsonClient } from "./json_client.ts";
import { readJsonLines } from "./json_lines.ts";
import type { Topology } from "./topology.ts";
import { applyTopologyChange, type TopologyLine, topologyLineSchema } from "./topology_change.ts";
import type { TopologyFile } from "./topology_file.ts";
import { TopologyHolder } from "./topology_holder.ts";
import type { TopologySource } from "./topology_source.ts";

/** The first pause after a failure, and the longest after doublings, in milliseconds. */
const PAUSE_MS = 50;
const PAUSE_MS_MAX = 2000;

/** The world of a watcher. */
export interface TopologyWatcherOptions extends ControlFailoverOptions {
  /** Told when the stream has to be begun anew, and why. */
  readonly logger: Logger;
  /** Where the last topology is kept over restarts; nowhere unless told. */
  readonly file?: TopologyFile;
}

/** A {@link TopologySource} that follows control nodes. */
export class TopologyWatcher implements TopologySource {
  readonly #fetcher: ControlFailoverOptions["fetcher"];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #file: TopologyFile | undefined;
  readonly #control: ControlFailover;
  readonly #holder: TopologyHolder;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #refreshing: Promise<void> | undefined;
  #heardAtMs: number | undefined;

  /** Makes a watcher that knows what the file knows. */
  constructor(options: TopologyWatcherOptions) {
    this.#fetcher = options.fetcher;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#logger = options.logger;
    this.#file = options.file;
    this.#control = new ControlFailover(options);
    this.#holder = new TopologyHolder(this.#load());
  }

  /** Begins to follow; await {@link TopologyWatcher.changed} to have a first topology. */
  open(): void {
    this.#running = this.#run();
  }

  /** The newest topology that is known here; that of no nodes before the first. */
  current(): Topology {
    return this.#holder.current();
  }

  /** How long no control node was heard of, in milliseconds; undefined before the first was. */
  get silenceMs(): number | undefined {
    return this.#heardAtMs === undefined ? undefined : this.#clock.monotonicMs() - this.#heardAtMs;
  }

  /** The first topology newer than a version; see {@link TopologySource.changed}. */
  changed(afterVersion: number, signal: AbortSignal): Promise<Topology> {
    return this.#holder.changed(afterVersion, AbortSignal.any([signal, this.#stop.signal]));
  }

  /**
   * Asks for the newest topology now. Resolves when it was taken, or when no control node answers:
   * then the one at hand has to do.
   */
  refresh(): Promise<void> {
    return this.#refreshing ??= this.#refresh().finally(() => this.#refreshing = undefined);
  }

  /**
   * Takes a topology that somebody else was told, if it is newer.
   *
   * @throws `conflict` when it is another cluster's
   */
  offer(topology: Topology): void {
    if (!this.#stop.signal.aborted) this.#take(topology);
  }

  /** Stops following; those who wait for a change are told `aborted`. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#refreshing;
  }

  async #refresh(): Promise<void> {
    try {
      const topology = await this.#control.topology();
      if (!this.#stop.signal.aborted) this.#take(topology);
    } catch (error) {
      this.#logger.debug("Find no control node that tells the topology", { error: toError(error) });
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let pauseMs = PAUSE_MS;
    while (!signal.aborted) {
      const url = this.#control.preferredUrl;
      const startedMs = this.#clock.monotonicMs();
      try {
        await this.#follow(url);
      } catch (error) {
        if (signal.aborted) return;
        this.#logger.warn("Lose the stream of the topology", { url, error: toError(error) });
        this.#control.avoid(url);
      }
      const wasHeard = (this.#heardAtMs ?? -Infinity) >= startedMs;
      pauseMs = wasHeard ? PAUSE_MS : Math.min(2 * pauseMs, PAUSE_MS_MAX);
      await this.#pause(this.#jittered(pauseMs));
    }
  }

  /** One stream, until it fails. */
  async #follow(url: string): Promise<never> {
    const attempt = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, attempt.signal]);
    let lineCount = 0;
    const watching = this.#cutWhenSilent(() => lineCount, attempt);
    try {
      const known = this.current();
      const client = new JsonClient(this.#fetcher, { baseUrl: url });
      const path = `/control/v1/topology/watch?after=${known.version}`;
      const response = await client.send(path, { method: "GET", signal });
      if (response.body === null) throw misfit("a stream without a body");
      let base = known;
      // A network's body ends with the signal by itself; that of a service in this process does not.
      const body = heldBody(response).pipeThrough(new TransformStream(), { signal });
      const lines = readJsonLines(body, { lineLengthMax: TOPOLOGY_LINE_LENGTH_MAX });
      for await (const value of lines) {
        lineCount++;
        this.#heardAtMs = this.#clock.monotonicMs();
        base = this.#takeLine(base, value);
      }
      throw misfit("the stream ends");
    } catch (error) {
      throw attempt.signal.aborted ? attempt.signal.reason : error;
    } finally {
      attempt.abort();
      await watching;
    }
  }

  /** The topology that the stream stands at after a line. */
  #takeLine(base: Topology, value: unknown): Topology {
    const line = topologyLineSchema.safeParse(value);
    if (!line.success) throw misfit("a line of another shape");
    const next = topologyOf(line.data, base);
    this.#take(next);
    return next;
  }

  #take(topology: Topology): void {
    const { version, cluster } = this.current();
    if (cluster !== undefined && topology.cluster !== cluster) {
      throw new GitStratumError("conflict", "Refuse the topology of another cluster", {
        data: { wanted: cluster, found: topology.cluster ?? "none" },
      });
    }
    if (topology.version < version) {
      // Usual for a moment after a refresh; for good, the store was put back to an older state.
      this.#logger.debug("Hear of a topology older than the one at hand", {
        found: topology.version,
        known: version,
      });
    }
    if (this.#holder.take(topology)) this.#save(topology);
  }

  /** Ends an attempt that brings no line for too long: a stopped process keeps its connections. */
  async #cutWhenSilent(countLines: () => number, attempt: AbortController): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, attempt.signal]);
    for (let seen = -1; !signal.aborted;) {
      if (seen === countLines()) {
        attempt.abort(misfit("no sign of life"));
        return;
      }
      seen = countLines();
      await this.#pause(TOPOLOGY_WATCH_SILENCE_MS, signal);
    }
  }

  #jittered(ms: number): number {
    return ms * (0.5 + this.#random.bytes(1)[0]! / 255);
  }

  async #pause(ms: number, signal: AbortSignal = this.#stop.signal): Promise<void> {
    try {
      await this.#clock.sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #load(): Topology | undefined {
    try {
      return this.#file?.load();
    } catch (error) {
      this.#logger.warn("Fail to read the topology kept on disk", { error: toError(error) });
      return undefined;
    }
  }

  #save(topology: Topology): void {
    try {
      this.#file?.save(topology);
    } catch (error) {
      this.#logger.warn("Fail to keep the topology on disk", { error: toError(error) });
    }
  }
}

function topologyOf(line: TopologyLine, base: Topology): Topology {
  switch (line.kind) {
    case "whole":
      return line.topology;
    case "alive":
      if (line.version !== base.version) throw misfit("a version that was not told");
      return base;
    case "change": {
      const next = applyTopologyChange(base, line);
      if (next === undefined) throw misfit("a change of another version");
      return next;
    }
  }
}

function misfit(reason: string): GitStratumError {
  return new GitStratumError("unavailable", "Read a stream of the topology that breaks off", {
    data: { reason, silenceMs: TOPOLOGY_WATCH_SILENCE_MS, beatMs: TOPOLOGY_WATCH_BEAT_MS },
  });
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
