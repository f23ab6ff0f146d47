/**
 * What a client is told when its request is refused, for tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ErrorCode, GitStratumError } from "../../error.ts";
import { clientText } from "../protocol_error.ts";

/** Waits for a refusal and compares its code and its words. */
export async function assertRefused(
  promise: Promise<unknown>,
  text: string | RegExp,
  code: ErrorCode = "invalid",
): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof GitStratumError, String(error));
    assert.equal(error.code, code);
    if (typeof text === "string") assert.equal(clientText(error), text);
    else assert.match(clientText(error), text);
    return true;
  });
}
