/**
 * Logs: one line for each event, JSON for machines or a short form for terminals.
 *
 * Messages are static texts; whatever varies is data. A line never holds a control character that was
 * not ours, so nothing a client sends can forge a line or drive a terminal. Fields whose names say
 * that they hold a secret are replaced by a mark, and long values are cut.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import { GitStratumError, toError } from "./error.ts";

/** Levels from the least to the most urgent. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** How urgent a line is. */
export type LogLevel = typeof LOG_LEVELS[number];

/** The facts of a line. An error is written with its code, data, causes and, for bugs, its stack. */
export type LogData = Readonly<
  Record<string, string | number | boolean | null | undefined | Error>
>;

/** Writes what happens, for people who operate the system. */
export interface Logger {
  /** For following one request while hunting a fault. */
  debug(message: string, data?: LogData): void;
  /** For what an operator wants to have seen on a good day. */
  info(message: string, data?: LogData): void;
  /** For what works on, but should not stay as it is. */
  warn(message: string, data?: LogData): void;
  /** For what failed and needs somebody. */
  error(message: string, data?: LogData): void;
  /** A logger that adds these facts to every line. */
  child(data: LogData): Logger;
}

/** How lines are made. */
export interface LineLoggerOptions {
  /** Tells the time of each line. */
  readonly clock: Clock;
  /** Takes one line without its line end. */
  readonly write: (line: string) => void;
  /** Lines below this level are dropped; default `info`. */
  readonly level?: LogLevel;
  /** `json` (the default) or `text` for a terminal. */
  readonly format?: "json" | "text";
}

/** Characters of one value; more says nothing more. */
const VALUE_LENGTH_MAX = 2000;
/** Causes of an error that are written. */
const CAUSE_DEPTH_MAX = 4;
const SECRET_NAME = /authorization|password|passphrase|secret|token|cookie|credential|private/i;
/** Everything outside is escaped on a terminal: controls, direction marks, odd spaces. */
const UNSAFE =
  // deno-lint-ignore no-control-regex -- the control characters are the point
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A {@link Logger} that writes lines to a sink. */
export class LineLogger implements Logger {
  readonly #options: LineLoggerOptions;
  readonly #threshold: number;
  readonly #data: LogData;

  /** Makes a logger; `data` goes into every line. */
  constructor(options: LineLoggerOptions, data: LogData = {}) {
    this.#options = options;
    this.#threshold = LOG_LEVELS.indexOf(options.level ?? "info");
    this.#data = data;
  }

  /** Writes a line of level `debug`. */
  debug(message: string, data?: LogData): void {
    this.#log("debug", message, data);
  }

  /** Writes a line of level `info`. */
  info(message: string, data?: LogData): void {
    this.#log("info", message, data);
  }

  /** Writes a line of level `warn`. */
  warn(message: string, data?: LogData): void {
    this.#log("warn", message, data);
  }

  /** Writes a line of level `error`. */
  error(message: string, data?: LogData): void {
    this.#log("error", message, data);
  }

  /** A logger of the same sink with more facts. */
  child(data: LogData): Logger {
    return new LineLogger(this.#options, { ...this.#data, ...data });
  }

  #log(level: LogLevel, message: string, data: LogData = {}): void {
    if (LOG_LEVELS.indexOf(level) < this.#threshold) return;
    const time = new Date(this.#options.clock.nowMs()).toISOString();
    const facts = renderData({ ...this.#data, ...data });
    const line = this.#options.format === "text"
      ? textLine(time, level, message, facts)
      : JSON.stringify({ time, level, message, ...prefixReserved(facts) });
    this.#options.write(line.replace(UNSAFE, escape));
  }
}

/** A logger that writes nothing: for tests that look elsewhere. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

type Rendered = Readonly<Record<string, unknown>>;

function renderData(data: LogData): Rendered {
  const rendered: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(data)) {
    if (value !== undefined) rendered[name] = renderValue(name, value, CAUSE_DEPTH_MAX);
  }
  return rendered;
}

function renderValue(name: string, value: unknown, depth: number): unknown {
  if (SECRET_NAME.test(name)) return "[secret]";
  if (typeof value === "string") return cut(value);
  if (value instanceof Error) return renderError(value, depth);
  return value;
}

function renderError(error: Error, depth: number): Rendered {
  const known = error instanceof GitStratumError;
  return {
    ...(known ? { code: error.code } : { name: error.name }),
    message: cut(error.message),
    ...(known ? renderData(error.data) : { stack: cut(error.stack ?? "") }),
    ...(error.cause === undefined || depth === 0
      ? {}
      : { cause: renderValue("cause", toError(error.cause), depth - 1) }),
  };
}

function cut(text: string): string {
  return text.length <= VALUE_LENGTH_MAX ? text : `${text.slice(0, VALUE_LENGTH_MAX)}…`;
}

/** Data can not replace the line's own fields. */
function prefixReserved(facts: Rendered): Rendered {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) =>
      name === "time" || name === "level" || name === "message" ? [`data.${name}`, value] : [
        name,
        value,
      ]
    ),
  );
}

function textLine(time: string, level: LogLevel, message: string, facts: Rendered): string {
  const shown = Object.entries(facts).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  return `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${message}${shown.join("")}`;
}

function escape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
