/**
 * One command of the command line: its words, what may stand behind them, and what it does.
 *
 * Help, checks of what people type, completion and the test that nothing of the API is missing are all
 * made from these descriptions.
 *
 * @module
 */

import type { ApiOperationId } from "../api/api.ts";
import type { AdminApi } from "./admin_api.ts";
import type { Column } from "./text_table.ts";

/** What the names are of that an argument stands for: looked up for completion and corrections. */
export type NamedThing = "repository" | "user" | "owner";

/** A word behind the command. */
export interface AdminArgument<T = unknown> {
  /** What stands for it in the help text: `OWNER/NAME`. */
  readonly placeholder: string;
  /** What it is, in one sentence. */
  readonly help: string;
  /** There may be many, each of which the command is done with. The last argument only. */
  readonly repeats?: true;
  /** It is the name of such a thing. */
  readonly names?: NamedThing;
  /** Reads it. @throws an `Error` whose message completes "PLACEHOLDER …" */
  parse(text: string): T;
}

/** A flag behind the command. */
export interface AdminFlag<T = unknown> {
  /** Without dashes: `default-branch`. */
  readonly flag: string;
  /** What it decides, in one sentence. */
  readonly help: string;
  /** What stands for its value in the help text; absent for switches. */
  readonly placeholder?: string;
  /** It may stand there several times. */
  readonly repeats?: true;
  /** It has to be given. */
  readonly isRequired?: true;
  /** All the values that there are. */
  readonly choices?: readonly string[];
  /** Reads all its values. @throws an `Error` whose message completes "--flag …" */
  parse(texts: readonly string[]): T;
}

/** What is known while a command runs. */
export interface AdminContext {
  /** The server. */
  readonly api: AdminApi;
  /** Wall time in milliseconds since the epoch. */
  readonly nowMs: number;
  /** Reads a file that was named; `-` is standard input. */
  readText(path: string): Promise<string>;
  /** The same server, asked with another token. */
  apiWith(token: string): AdminApi;
  /** Keeps a token for this server, where only its user can read it; answers where. */
  saveToken(token: string): Promise<string>;
}

/** What a command comes to. */
export type AdminOutcome =
  /** One thing: lines of names and values. */
  | { readonly kind: "value"; readonly value: unknown }
  /** Many: a table. */
  | {
    readonly kind: "entries";
    readonly pages: AsyncIterable<readonly unknown[]>;
    readonly columns: readonly Column[];
  }
  /** Nothing to look at, but something to say. */
  | { readonly kind: "done"; readonly text: string }
  /** Text to be printed as it is. */
  | { readonly kind: "text"; readonly text: string };

/** The arguments of a command by name, in order. */
export type AdminArguments = Readonly<Record<string, AdminArgument>>;
/** The flags of a command by name. */
export type AdminFlags = Readonly<Record<string, AdminFlag>>;

/** What was read behind a command. */
export type AdminValues<Arguments extends AdminArguments, Flags extends AdminFlags> =
  & { readonly [Name in keyof Arguments]: ReturnType<Arguments[Name]["parse"]> }
  & { readonly [Name in keyof Flags]: ReturnType<Flags[Name]["parse"]> | undefined };

/** A command. */
export interface AdminCommand {
  /** `repository create` */
  readonly words: string;
  /** What it does, in one sentence. */
  readonly summary: string;
  /** What of the API it needs. */
  readonly operations: readonly ApiOperationId[];
  /** What stands behind its words, in order. */
  readonly arguments: AdminArguments;
  /** Its flags. */
  readonly flags: AdminFlags;
  /** What to ask people before, with the first argument; for what can not be undone. */
  readonly question?: string;
  /** Does it, with one of the arguments that repeat. */
  run(values: Readonly<Record<string, unknown>>, context: AdminContext): Promise<AdminOutcome>;
}

/** Describes a command; `run` is given what its arguments and flags read. */
export function adminCommand<
  Arguments extends AdminArguments = Record<never, never>,
  Flags extends AdminFlags = Record<never, never>,
>(
  description: Pick<AdminCommand, "words" | "summary" | "operations" | "question"> & {
    readonly arguments?: Arguments;
    readonly flags?: Flags;
    readonly run: (
      values: AdminValues<Arguments, Flags>,
      context: AdminContext,
    ) => Promise<AdminOutcome>;
  },
): AdminCommand {
  return {
    ...description,
    arguments: description.arguments ?? {},
    flags: description.flags ?? {},
    run: (values, context) => description.run(values as AdminValues<Arguments, Flags>, context),
  };
}
