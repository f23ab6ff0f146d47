/**
 * A metadata node that dies at a chosen append and starts anew.
 *
 * @module
 */

import { ok } from "node:assert/strict";
import { hasCode } from "@gitstratum/core";
import { type AppendFault, FaultyLog } from "./faulty_log.ts";
import { TestNode } from "./test_node.ts";

/** The ways to die at an append. */
export const CRASHES: readonly AppendFault[] = ["crash-before", "crash-after"];

/** A node with its log. */
export class CrashingNode implements AsyncDisposable {
  readonly node: TestNode;
  readonly log: FaultyLog;

  private constructor(node: TestNode, log: FaultyLog) {
    this.node = node;
    this.log = log;
  }

  /** Starts a node whose chores have been done once. */
  static async start(): Promise<CrashingNode> {
    let log: FaultyLog | undefined;
    const node = await TestNode.start({ wrapLog: (inner) => log = new FaultyLog(inner) });
    await node.node.upkeep();
    return new CrashingNode(node, log!);
  }

  /**
   * Runs `work` with a crash at its append number `step`, then starts the node again; whether the
   * caller got an answer all the same.
   */
  async crashAt(
    options: { readonly step: number; readonly fault: AppendFault },
    work: () => Promise<unknown>,
  ): Promise<boolean> {
    const { node, log } = this;
    const before = log.appendCount;
    log.fault = (append) => append === before + options.step ? options.fault : undefined;
    let settled = false;
    const outcome = work().then(() => true, (error) => {
      ok(hasCode(error, "unavailable"), String(error));
      return false;
    }).finally(() => settled = true);
    while (!settled) await node.clock.advance(1000);
    ok(log.appendCount >= before + options.step, "The work has fewer appends");
    log.revive();
    await node.restart();
    return await outcome;
  }

  /** Stops the node. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
  }
}
