/**
 * Prints what commands come to: tables and lines for people, JSON for programs.
 *
 * @module
 */

import type { AdminOutcome } from "./admin_command.ts";
import type { ProgressBar } from "./progress_bar.ts";
import { tableLines, valueLines } from "./text_table.ts";

/** Where is printed. */
export interface PrintedLines {
  /** Prints a line of what was asked for. */
  print(line: string): void;
  /** Prints a line for people. */
  printError(line: string): void;
}

/** How is printed. */
export interface OutcomePrinterOptions {
  /** For programs. */
  readonly isJson: boolean;
  /** The command is done with many arguments: people see a line of each. */
  readonly isMany: boolean;
  /** Is taken away before something is printed. */
  readonly bar: ProgressBar;
}

/** Prints outcomes. */
export class OutcomePrinter {
  readonly #lines: PrintedLines;
  readonly #options: OutcomePrinterOptions;

  /** Makes a printer. */
  constructor(lines: PrintedLines, options: OutcomePrinterOptions) {
    this.#lines = lines;
    this.#options = options;
  }

  /** Prints what came of one argument; resolves when all of it is printed. */
  async print(outcome: AdminOutcome, target: string): Promise<void> {
    const { isJson, isMany, bar } = this.#options;
    switch (outcome.kind) {
      case "entries":
        return await this.#printEntries(outcome);
      case "text":
        return this.#lines.print(outcome.text);
      case "done":
        bar.clear();
        // Programs have the exit code.
        return isJson ? undefined : this.#lines.print(outcome.text);
      case "value":
        bar.clear();
        if (isJson) this.#lines.print(JSON.stringify(outcome.value));
        else if (isMany) this.#lines.print(`${target}: done`);
        else for (const line of valueLines(outcome.value)) this.#lines.print(line);
    }
  }

  async #printEntries(
    { pages, columns }: Extract<AdminOutcome, { readonly kind: "entries" }>,
  ): Promise<void> {
    const { isJson, bar } = this.#options;
    let widths: readonly number[] | undefined;
    let count = 0;
    for await (const page of pages) {
      bar.clear();
      count += page.length;
      if (isJson) { for (const entry of page) this.#lines.print(JSON.stringify(entry)); }
      else if (page.length > 0) {
        const options = { heading: widths === undefined, ...(widths && { widths }) };
        const table = tableLines(columns, page, options);
        widths = table.widths;
        for (const line of table.lines) this.#lines.print(line);
      }
      bar.advance(page.length);
    }
    if (count === 0 && !isJson) this.#lines.printError("There are none");
  }
}
