/**
 * The command line over the API in memory, for tests.
 *
 * @module
 */

import { GitStratumError, systemClock } from "@gitstratum/core";
import type { AccessToken } from "@gitstratum/core/access";
import type { Fetcher } from "@gitstratum/core/rpc";
import { AccountStage, type AskAs } from "../../api/testing/account_stage.ts";
import { type AdminWorld, runAdmin } from "../run_admin.ts";

/** What a run printed, and its exit code. */
export interface AdminRun {
  readonly code: number;
  /** Lines of what was asked for. */
  readonly out: readonly string[];
  /** Lines for people. */
  readonly errors: readonly string[];
}

/** What is around a run. */
export interface AdminStageOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Contents of files by path; `-` is standard input. */
  readonly files?: Readonly<Record<string, string>>;
  /** What the person says who is asked; undefined = nobody is there. */
  readonly answer?: boolean;
  /** In place of the server's. */
  readonly fetcher?: Fetcher;
}

/** A server with the administrator `root`, and a command line that asks as them. */
export class AdminStage {
  readonly accounts: AccountStage;
  /** Asks the API itself, as the administrator. */
  readonly ask: AskAs;
  /** What people were asked. */
  readonly questions: string[] = [];
  /** Tokens that were kept, by server. */
  readonly kept = new Map<string, string>();
  readonly #token: AccessToken;

  private constructor(accounts: AccountStage, ask: AskAs, token: AccessToken) {
    this.accounts = accounts;
    this.ask = ask;
    this.#token = token;
  }

  /** Runs a test. */
  static run(test: (stage: AdminStage) => Promise<void>): Promise<void> {
    return AccountStage.run((accounts, admin, token) =>
      test(new AdminStage(accounts, admin, token))
    );
  }

  /** The administrator's token. */
  get token(): string {
    return this.#token;
  }

  /** Runs a command line. */
  async run(args: readonly string[], options: AdminStageOptions = {}): Promise<AdminRun> {
    const out: string[] = [];
    const errors: string[] = [];
    const code = await runAdmin(this.#world(args, options, { out, errors }));
    return { code, out, errors };
  }

  #world(
    args: readonly string[],
    options: AdminStageOptions,
    lines: { readonly out: string[]; readonly errors: string[] },
  ): AdminWorld {
    const readText = (path: string) => {
      const text = options.files?.[path];
      return text === undefined
        ? Promise.reject(new GitStratumError("not-found", "Find no file", { data: { path } }))
        : Promise.resolve(text);
    };
    return {
      args,
      environment: { GITSTRATUM_TOKEN: this.#token, ...options.environment },
      clock: { ...systemClock, nowMs: () => Date.parse("2030-01-01T00:00:00Z") },
      terminal: { isTerminal: false, write: () => {} },
      fetcher: () => options.fetcher ?? this.accounts.api.fetcher,
      print: (line) => void lines.out.push(line),
      printError: (line) => void lines.errors.push(line),
      readText,
      confirm: (question) => {
        this.questions.push(question);
        return options.answer;
      },
      tokens: {
        read: readText,
        kept: (baseUrl) => Promise.resolve(this.kept.get(baseUrl)),
        keep: (baseUrl, token) => {
          this.kept.set(baseUrl, token);
          return Promise.resolve(`kept for ${baseUrl}`);
        },
      },
    };
  }
}
