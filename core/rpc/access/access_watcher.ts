/**
 * Follows the access records over the network into a local view, and keeps the last ones while the
 * control plane is away.
 *
 * It streams changes from one control node. When that one breaks off, falls silent or tells something
 * that does not fit, the next one is asked, with growing pauses. Invariant: the view holds all records
 * of one revision at any time; what came of a copy that did not end is dropped.
 *
 * @module
 */

import type { AccessView } from "../../access/access_view.ts";
import { MemoryAccessView } from "../../access/memory_access_view.ts";
import { RecordIndex } from "../../access/record_index.ts";
import {
  ACCESS_LINE_LENGTH_MAX,
  ACCESS_RECORD_COUNT_MAX,
  ACCESS_WATCH_SILENCE_MS,
} from "../../limits.ts";
import type { Logger } from "../../logger.ts";
import { ControlFailover, type ControlFailoverOptions } from "../topology/control_failover.ts";
import { brokenOff, ControlStream } from "../topology/control_stream.ts";
import { ACCESS_PATH } from "./access_call.ts";
import { type AccessLine, accessLineSchema, readChange, readRecord } from "./access_line.ts";

/** The world of a watcher. */
export interface AccessWatcherOptions extends ControlFailoverOptions {
  /** Told when the stream has to be begun anew, and why. */
  readonly logger: Logger;
}

/** A view that follows control nodes. */
export class AccessWatcher {
  readonly #view = new MemoryAccessView();
  readonly #stream: ControlStream;
  readonly #logger: Logger;
  /** A copy that is coming. */
  #copy: { readonly revision: number; readonly index: RecordIndex; count: number } | undefined;

  /** Makes a watcher that knows nothing. */
  constructor(options: AccessWatcherOptions) {
    this.#logger = options.logger;
    this.#stream = new ControlStream({
      ...options,
      control: new ControlFailover(options),
      what: "access records",
      silenceMs: ACCESS_WATCH_SILENCE_MS,
      lineLengthMax: ACCESS_LINE_LENGTH_MAX,
      path: () => {
        this.#copy = undefined;
        return `${ACCESS_PATH}/watch?after=${this.#view.revision}`;
      },
      onLine: (value) => this.#take(value),
    });
  }

  /** Begins to follow; the view's revision is 0 until it knows anything. */
  open(): void {
    this.#stream.open();
  }

  /** What is known here. */
  get view(): AccessView {
    return this.#view;
  }

  /** How long no control node was heard of, in milliseconds; undefined before the first was. */
  get silenceMs(): number | undefined {
    return this.#stream.silenceMs;
  }

  /** Stops following; the view stays as it is. */
  async close(): Promise<void> {
    await this.#stream.close();
  }

  #take(value: unknown): void {
    const parsed = accessLineSchema.safeParse(value);
    if (!parsed.success) throw brokenOff("a line of another shape");
    const line = parsed.data;
    switch (line.kind) {
      case "begin":
        this.#copy = { revision: line.revision, index: new RecordIndex(), count: 0 };
        return;
      case "records":
        return this.#takeRecords(line.records);
      case "end":
        return this.#takeCopy(line.count);
      case "changes":
        return this.#takeChanges(line);
      case "alive":
        if (this.#copy !== undefined || line.revision !== this.#view.revision) {
          throw brokenOff("a revision that was not told");
        }
        return;
    }
  }

  #takeRecords(values: readonly unknown[]): void {
    const copy = this.#copy;
    if (copy === undefined) throw brokenOff("records outside of a copy");
    copy.count += values.length;
    if (copy.count > 2 * ACCESS_RECORD_COUNT_MAX) throw brokenOff("more records than there can be");
    for (const value of values) {
      const record = readRecord(value);
      if (record === undefined) {
        this.#logger.warn("Pass over an access record of another shape", {
          kind: String((value as { kind?: unknown } | null)?.kind).slice(0, 40),
        });
      } else copy.index.put(record);
    }
  }

  #takeCopy(count: number): void {
    const copy = this.#copy;
    if (copy?.count !== count) throw brokenOff("a copy that lacks records");
    this.#copy = undefined;
    this.#view.replace(copy.index, copy.revision);
  }

  #takeChanges(line: Extract<AccessLine, { readonly kind: "changes" }>): void {
    const fits = this.#copy === undefined && line.from === this.#view.revision &&
      line.revision > line.from;
    if (!fits) throw brokenOff("a change of another revision");
    this.#view.apply(line.changes.map(readChange), line.revision);
  }
}
