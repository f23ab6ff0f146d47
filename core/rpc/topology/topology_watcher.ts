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

import { GitStratumError, toError } from "../../error.ts";
import { TOPOLOGY_LINE_LENGTH_MAX, TOPOLOGY_WATCH_SILENCE_MS } from "../../limits.ts";
import type { Logger } from "../../logger.ts";
import { ControlFailover, type ControlFailoverOptions } from "./control_failover.ts";
import { brokenOff, ControlStream } from "./control_stream.ts";
import type { Topology } from "./topology.ts";
import { applyTopologyChange, type TopologyLine, topologyLineSchema } from "./topology_change.ts";
import type { TopologyFile } from "./topology_file.ts";
import { TopologyHolder } from "./topology_holder.ts";
import type { TopologySource } from "./topology_source.ts";

/** The world of a watcher. */
export interface TopologyWatcherOptions extends ControlFailoverOptions {
  /** Told when the stream has to be begun anew, and why. */
  readonly logger: Logger;
  /** Where the last topology is kept over restarts; nowhere unless told. */
  readonly file?: TopologyFile;
}

/** A {@link TopologySource} that follows control nodes. */
export class TopologyWatcher implements TopologySource {
  readonly #logger: Logger;
  readonly #file: TopologyFile | undefined;
  readonly #control: ControlFailover;
  readonly #holder: TopologyHolder;
  readonly #stream: ControlStream;
  readonly #stop = new AbortController();
  #refreshing: Promise<void> | undefined;
  /** Where the stream stands. */
  #base: Topology;

  /** Makes a watcher that knows what the file knows. */
  constructor(options: TopologyWatcherOptions) {
    this.#logger = options.logger;
    this.#file = options.file;
    this.#control = new ControlFailover(options);
    this.#holder = new TopologyHolder(this.#load());
    this.#base = this.current();
    this.#stream = new ControlStream({
      ...options,
      control: this.#control,
      what: "topology",
      silenceMs: TOPOLOGY_WATCH_SILENCE_MS,
      lineLengthMax: TOPOLOGY_LINE_LENGTH_MAX,
      path: () => {
        this.#base = this.current();
        return `/control/v1/topology/watch?after=${this.#base.version}`;
      },
      onLine: (value) => this.#takeLine(value),
    });
  }

  /** Begins to follow; await {@link TopologyWatcher.changed} to have a first topology. */
  open(): void {
    this.#stream.open();
  }

  /** The newest topology that is known here; that of no nodes before the first. */
  current(): Topology {
    return this.#holder.current();
  }

  /** How long no control node was heard of, in milliseconds; undefined before the first was. */
  get silenceMs(): number | undefined {
    return this.#stream.silenceMs;
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
    await this.#stream.close();
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

  #takeLine(value: unknown): void {
    const line = topologyLineSchema.safeParse(value);
    if (!line.success) throw brokenOff("a line of another shape");
    const next = topologyOf(line.data, this.#base);
    this.#take(next);
    this.#base = next;
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
      if (line.version !== base.version) throw brokenOff("a version that was not told");
      return base;
    case "change": {
      const next = applyTopologyChange(base, line);
      if (next === undefined) throw brokenOff("a change of another version");
      return next;
    }
  }
}
