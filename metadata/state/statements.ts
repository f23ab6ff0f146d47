/**
 * Prepared statements of one connection, prepared at first use.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";

/** What a statement can be given. */
export type SqlValue = string | number | null | Uint8Array;
/** A row by column names. */
export type SqlRow = Readonly<Record<string, unknown>>;

/** Runs SQL texts, each prepared once. */
export class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();

  /** Statements of `database`; they end with it. */
  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The prepared form of a text. Texts are constants of the program, so their number is bounded. */
  prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }

  /** Runs a change and returns the number of changed rows. */
  run(sql: string, ...values: SqlValue[]): number {
    return Number(this.prepare(sql).run(...values).changes);
  }

  /** The first row, or undefined. */
  get(sql: string, ...values: SqlValue[]): SqlRow | undefined {
    return this.prepare(sql).get(...values);
  }

  /** All rows. The text bounds their number. */
  all(sql: string, ...values: SqlValue[]): SqlRow[] {
    return this.prepare(sql).all(...values);
  }
}
