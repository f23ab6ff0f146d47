/**
 * Follows a stream of JSON lines from one of several control nodes, for as long as it takes.
 *
 * When a control node breaks off, falls silent or tells something that its reader refuses, the next one
 * is asked, with growing pauses. A process that was stopped keeps its connections, so silence counts.
 *
 * @module
 */

import type { Clock } from "../../clock.ts";
import { GitStratumError, toError } from "../../error.ts";
import type { Logger } from "../../logger.ts";
import type { Random } from "../../random.ts";
import { heldBody } from "../body.ts";
import type { ControlFailover } from "./control_failover.ts";
import type { Fetcher } from "../fetcher.ts";
import { JsonClient } from "../json_client.ts";
import { readJsonLines } from "../json_lines.ts";

/** The first pause after a failure, and the longest after doublings, in milliseconds. */
const PAUSE_MS = 50;
const PAUSE_MS_MAX = 2000;
/** Time for lines that have arrived to be read, in milliseconds. */
const GRACE_MS = 50;

/** What to follow, and who listens. */
export interface ControlStreamOptions {
  /** Knows which node to ask, and is told which one to leave. */
  readonly control: ControlFailover;
  /** Carries requests to control nodes. */
  readonly fetcher: Fetcher;
  /** Counts silence and pauses. */
  readonly clock: Clock;
  /** Spreads those who begin anew. */
  readonly random: Random;
  /** Told when the stream has to be begun anew, and why. */
  readonly logger: Logger;
  /** What the stream tells, for the log. */
  readonly what: string;
  /** Where the stream is; asked whenever it is begun. */
  readonly path: () => string;
  /** Given every line; whatever it throws ends the stream and begins another. */
  readonly onLine: (value: unknown) => void;
  /** A stream without a line for so long is given up. */
  readonly silenceMs: number;
  /** Longest line in characters. */
  readonly lineLengthMax: number;
}

/** Why a stream is given up. */
export function brokenOff(reason: string): GitStratumError {
  return new GitStratumError("unavailable", "Read a stream that breaks off", { data: { reason } });
}

/** A stream that is begun anew whenever it ends. */
export class ControlStream {
  readonly #options: ControlStreamOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #heardAtMs: number | undefined;

  /** Follows nothing yet. */
  constructor(options: ControlStreamOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** Begins to follow. */
  open(): void {
    this.#running = this.#run();
  }

  /** How long no control node was heard of, in milliseconds; undefined before the first was. */
  get silenceMs(): number | undefined {
    return this.#heardAtMs === undefined ? undefined : this.#clock.monotonicMs() - this.#heardAtMs;
  }

  /** Stops following. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let pauseMs = PAUSE_MS;
    while (!signal.aborted) {
      const { control } = this.#options;
      const url = control.preferredUrl;
      const startedMs = this.#clock.monotonicMs();
      try {
        await this.#follow(url);
      } catch (error) {
        if (signal.aborted) return;
        const { logger, what } = this.#options;
        logger.warn("Lose a stream of the control plane", { url, what, error: toError(error) });
        control.avoid(url);
      }
      const wasHeard = (this.#heardAtMs ?? -Infinity) >= startedMs;
      pauseMs = wasHeard ? PAUSE_MS : Math.min(2 * pauseMs, PAUSE_MS_MAX);
      await this.#pause(pauseMs * (0.5 + this.#random.bytes(1)[0]! / 255), signal);
    }
  }

  /** One stream, until it fails. */
  async #follow(url: string): Promise<never> {
    const { fetcher, path, onLine, lineLengthMax } = this.#options;
    const attempt = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, attempt.signal]);
    let lineAtMs = this.#clock.monotonicMs();
    const watching = this.#cutWhenSilent(() => lineAtMs, { attempt, signal });
    try {
      const client = new JsonClient(fetcher, { baseUrl: url });
      const response = await client.send(path(), { method: "GET", signal });
      if (response.body === null) throw brokenOff("a stream without a body");
      // A network's body ends with the signal by itself; that of a service in this process does not.
      const body = heldBody(response).pipeThrough(new TransformStream(), { signal });
      for await (const value of readJsonLines(body, { lineLengthMax })) {
        lineAtMs = this.#clock.monotonicMs();
        this.#heardAtMs = lineAtMs;
        onLine(value);
      }
      throw brokenOff("the stream ends");
    } catch (error) {
      throw attempt.signal.aborted ? attempt.signal.reason : error;
    } finally {
      attempt.abort();
      await watching;
    }
  }

  /** Ends an attempt that brings no line for too long. */
  async #cutWhenSilent(
    lastLineAtMs: () => number,
    parts: { readonly attempt: AbortController; readonly signal: AbortSignal },
  ): Promise<void> {
    const { attempt, signal } = parts;
    const restMs = () => lastLineAtMs() + this.#options.silenceMs - this.#clock.monotonicMs();
    while (!signal.aborted) {
      if (restMs() > 0) await this.#pause(restMs(), signal);
      else {
        // When it was this process that stood still, what arrived meanwhile is yet to be read.
        await this.#pause(GRACE_MS, signal);
        if (restMs() <= 0) return attempt.abort(brokenOff("no sign of life"));
      }
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(ms, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
