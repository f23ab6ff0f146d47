/**
 * Inflate into output that does not stay: the last 32 KiB are kept in a window of its own, so that
 * an object of any size passes through a small buffer.
 */

import { inflateRun } from "./inflate";
import { Inflate } from "./inflate_state";
import * as Status from "./inflate_status";

const HISTORY_BYTES: u32 = 32768;
const WINDOW_BYTES: u32 = 3 * HISTORY_BYTES;

/** Bytes of the window that goes with a state. */
export const INFLATE_WINDOW_BYTES: i32 = WINDOW_BYTES;

/** Like inflateRun, but `output` may be anywhere each time. */
export function inflateStreamRun(
  pointer: usize,
  window: usize,
  input: usize,
  inputBytes: usize,
  output: usize,
  outputBytes: usize,
): i32 {
  const s = changetype<Inflate>(pointer);
  let consumed: usize = 0;
  let produced: usize = 0;
  let status = Status.GO_ON;
  while (true) {
    const bytes = min(<usize>(s.windowFill - s.windowSent), outputBytes - produced);
    memory.copy(output + produced, window + s.windowSent, bytes);
    produced += bytes;
    s.windowSent += <u32>bytes;
    if (s.windowSent < s.windowFill) {
      status = Status.NEEDS_OUTPUT;
      break;
    }
    if (status != Status.GO_ON && status != Status.NEEDS_OUTPUT) break;
    if (s.windowFill == WINDOW_BYTES) {
      memory.copy(window, window + (WINDOW_BYTES - HISTORY_BYTES), HISTORY_BYTES);
      s.windowFill = HISTORY_BYTES;
      s.windowSent = HISTORY_BYTES;
    }
    status = inflateRun(
      pointer,
      input + consumed,
      inputBytes - consumed,
      window + s.windowFill,
      WINDOW_BYTES - s.windowFill,
    );
    consumed += s.consumed;
    s.windowFill += s.produced;
  }
  s.consumed = <u32>consumed;
  s.produced = <u32>produced;
  return status;
}
