/**
 * The real world of a process: only `main.ts` files ask for it, and hand it on.
 *
 * @module
 */

import { type Clock, systemClock } from "../clock.ts";
import { LineLogger, type Logger, type LogLevel } from "../logger.ts";
import { type Random, systemRandom } from "../random.ts";

/** What a process finds around it. */
export interface ProcessWorld {
  /** The command line after the program's name. */
  readonly args: readonly string[];
  /** Environment variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads a text file that settings name. */
  readTextFile(path: string): string;
  /** Time. */
  readonly clock: Clock;
  /** Randomness. */
  readonly random: Random;
  /** Makes a logger for a level. */
  logger(level: LogLevel): Logger;
  /** Tells people something that they asked for. */
  print(text: string): void;
  /** Tells people why it does not go on. */
  printError(text: string): void;
  /** Calls `listener` for each signal that asks for an end. */
  onEndSignal(listener: (signal: EndSignal) => void): void;
}

/** A signal that asks a process to end: from a service manager, from a terminal. */
export type EndSignal = "SIGTERM" | "SIGINT";

/** The machine that this process runs on. Logs go to standard error, as JSON unless people look. */
export function systemProcessWorld(): ProcessWorld {
  const encoder = new TextEncoder();
  return {
    args: Deno.args,
    environment: Deno.env.toObject(),
    readTextFile: (path) => Deno.readTextFileSync(path),
    clock: systemClock,
    random: systemRandom,
    logger: (level) =>
      new LineLogger({
        clock: systemClock,
        level,
        format: Deno.stderr.isTerminal() ? "text" : "json",
        write: (line) => writeWhole(encoder.encode(`${line}\n`)),
      }),
    print: (text) => console.log(text),
    printError: (text) => console.error(text),
    onEndSignal(listener) {
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        Deno.addSignalListener(signal, () => listener(signal));
      }
    },
  };
}

/** A pipe may take a part of a line only; the rest follows, so that lines stay lines. */
function writeWhole(bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(Deno.stderr.writeSync(rest));
}
