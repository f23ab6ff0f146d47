/**
 * The life of a process: settings, start, signals, an orderly end.
 *
 * The end has an order. First `/readyz` says no while everything is still served, for as long as
 * `--drain-delay` says, so that load balancers and other nodes look elsewhere; then no new connection
 * is taken and running requests finish within a bound; then everything is released. SIGINT, and any
 * second signal, skips the delay: somebody waits at a terminal.
 *
 * @module
 */

import type { ConfigSources } from "../config.ts";
import { GitStratumError } from "../error.ts";
import type { Logger, LogLevel } from "../logger.ts";
import type { EndSignal, ProcessWorld } from "./process_world.ts";

/** What every process is told. */
export interface CommonSettings {
  /** The least urgent lines that are logged. */
  readonly logLevel: LogLevel;
  /** Time between the first signal and the end of taking connections, in seconds. */
  readonly drainDelayS: number;
}

/** What a start works with beside its settings. */
export interface StartContext {
  /** The process's logger. */
  readonly logger: Logger;
  /** Aborts when the process is to end: a start that still waits for something gives up. */
  readonly signal: AbortSignal;
  /** To be called when only a restart can help: a disk failed, another process has this one's id. */
  readonly onFatal: (error: unknown) => void;
}

/** A process that serves. */
export interface RunningProcess {
  /** Printed when the process serves: addresses, first steps. */
  readonly greeting: string;
  /**
   * From now on `/readyz` says no. May resolve later, when others have taken over what they can; the
   * process does not end before, unless it is told a second time.
   */
  drain(): void | Promise<void>;
  /** Finishes running requests within a bound, then releases everything. */
  close(): Promise<void>;
}

/** A program: what its command line means, and how it starts. */
export interface Program<Settings extends CommonSettings> {
  /** Reads the settings, or tells all that is wrong with them. */
  read(
    sources: ConfigSources,
  ):
    | { readonly kind: "values"; readonly values: Settings }
    | { readonly kind: "help" }
    | { readonly kind: "invalid"; readonly problems: readonly string[] };
  /** The help text. */
  help(): string;
  /** Starts to serve. */
  start(settings: Settings, context: StartContext): Promise<RunningProcess>;
}

/** Exit code of a process that ended because it was told to. */
const DONE = 0;
/** Exit code of a start that failed, and of a failure that only a restart can help. */
const FAILED = 1;
/** Exit code of settings that make no sense. */
const MISUSED = 2;

type End =
  | { readonly kind: "signal"; readonly signal: EndSignal }
  | { readonly kind: "fatal"; readonly error: unknown };

/** Runs a program until it is told to end; answers its exit code. */
export async function runProcess<Settings extends CommonSettings>(
  world: ProcessWorld,
  program: Program<Settings>,
): Promise<number> {
  const { args, environment } = world;
  const readTextFile = (path: string) => world.readTextFile(path);
  const result = program.read({ args, environment, readTextFile });
  switch (result.kind) {
    case "help":
      world.print(program.help());
      return DONE;
    case "invalid":
      world.printError(result.problems.join("\n"));
      return MISUSED;
    case "values":
      return await serve(world, program, result.values);
  }
}

async function serve<Settings extends CommonSettings>(
  world: ProcessWorld,
  program: Program<Settings>,
  settings: Settings,
): Promise<number> {
  const logger = world.logger(settings.logLevel);
  const ends = new EndQueue();
  world.onEndSignal((signal) => ends.push({ kind: "signal", signal }));
  const onFatal = (error: unknown) => ends.push({ kind: "fatal", error });
  const stop = new AbortController();
  const ended = ends.next().then((end) => {
    stop.abort();
    return end;
  });
  let running: RunningProcess;
  try {
    running = await program.start(settings, { logger, signal: stop.signal, onFatal });
  } catch (error) {
    // Told to end before it had started: what the start says about that is of no interest.
    if (stop.signal.aborted) return (await ended).kind === "signal" ? DONE : FAILED;
    world.printError(describe(error));
    return FAILED;
  }
  world.print(running.greeting);
  const end = await ended;
  const drained = Promise.resolve(running.drain());
  if (end.kind === "signal") {
    logger.info("Stop", { signal: end.signal });
    const again = ends.next();
    const ms = end.signal === "SIGTERM" ? settings.drainDelayS * 1000 : 0;
    await Promise.race([Promise.all([drained, delay(ms, { world, again })]), again]);
  } else {
    logger.error("Stop after a failure that only a restart can help", {
      error: end.error instanceof Error ? end.error : new Error(String(end.error)),
    });
  }
  await running.close();
  return end.kind === "signal" ? DONE : FAILED;
}

/** Waits until the time is over or somebody asks for an end again. */
async function delay(
  ms: number,
  parts: { readonly world: ProcessWorld; readonly again: Promise<End> },
): Promise<void> {
  if (ms === 0) return;
  const timer = new AbortController();
  const slept = parts.world.clock.sleep(ms, timer.signal).catch((error) => {
    if (!timer.signal.aborted) throw error;
  });
  await Promise.race([slept, parts.again]);
  timer.abort();
}

/** Reasons to end, in order; whoever waits for one gets the next. */
class EndQueue {
  readonly #waiting: ((end: End) => void)[] = [];
  readonly #ends: End[] = [];

  push(end: End): void {
    const wake = this.#waiting.shift();
    if (wake !== undefined) wake(end);
    // Nobody waits for more than the next two; an impatient user may press keys for long.
    else if (this.#ends.length < 2) this.#ends.push(end);
  }

  next(): Promise<End> {
    const end = this.#ends.shift();
    if (end !== undefined) return Promise.resolve(end);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

function describe(error: unknown): string {
  if (error instanceof GitStratumError) return error.describe();
  return error instanceof Error ? error.stack ?? error.message : String(error);
}
