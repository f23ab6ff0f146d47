/**
 * The error of a pack that is not what a pack should be.
 *
 * @module
 */

import { type ErrorData, GitStratumError } from "@gitstratum/core/error";

/** Makes the error: final, the client's fault, shown to people as it is. */
export function badPack(message: string, data: ErrorData = {}, cause?: unknown): GitStratumError {
  return new GitStratumError("invalid", message, { data, ...(cause !== undefined && { cause }) });
}

/** Makes the error of a delta that can not be applied; `offset` is its entry's in the pack. */
export function badDelta(offset: number, problem: string, cause?: unknown): GitStratumError {
  return badPack("Reject a pack with a bad delta", { offset, problem }, cause);
}

/** Makes the error of two different objects with one id. */
export function hashCollision(object: string): GitStratumError {
  return badPack("Reject a hash collision", { object });
}

/** Makes the error of an object above its limit. */
export function tooLarge(offset: number, size: number, max: number): GitStratumError {
  return badPack("Reject a pack with an object above the size limit", { offset, size, max });
}
